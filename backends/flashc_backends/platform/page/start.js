// Load the modules of the page.  If a request for one of them fails, for example because the machine gets another network
// interface at this moment, the browser does not ask again: the page is then loaded again.

const RETRY = 1000; // milliseconds

const modules = document.createElement("script");
modules.type = "module";
modules.src = "/page/app.js";
modules.addEventListener("error", () => setTimeout(() => location.reload(), RETRY));
document.head.append(modules);
