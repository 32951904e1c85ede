// Load the modules of the page.  A start of a container changes the network interfaces of the machine; browsers then cancel
// the requests that run, also those to this machine.  They do not ask for a module again, so the page is loaded again.

const RETRY = 1000; // milliseconds

const modules = document.createElement("script");
modules.type = "module";
modules.src = "/page/app.js";
modules.addEventListener("error", () => setTimeout(() => location.reload(), RETRY));
document.head.append(modules);
