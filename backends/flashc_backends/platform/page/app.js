// The page of the local platform.

import { html, render, useEffect, useReducer, useState } from "/page/vendor/htm-preact.js";
import { Graph } from "/page/graph.js";
import { Calls, Endpoint, JobDialog, Log } from "/page/parts.js";
import { start, state, subscribe } from "/page/state.js";

function App() {
  const [, redraw] = useReducer((count) => count + 1, 0);
  const [opened, open] = useState(null);
  useEffect(() => subscribe(redraw), []);
  const endpoints = [...state.endpoints].sort((a, b) => a.name.localeCompare(b.name));
  const app = endpoints[0]?.app ?? "";

  function select(id) {
    const article = document.getElementById(`endpoint-${id}`);
    article?.scrollIntoView({ block: "start" });
    article?.focus({ preventScroll: true });
  }

  return html`<header class="top">
      <h1>${app || "flashc"} <span class="quiet">${app ? "on this machine" : ""}</span></h1>
      <p class=${`link-state ${state.connected ? "" : "bad"}`} role="status">
        ${state.connected ? "connected" : "not connected; trying again"}</p>
    </header>
    <p class=${`message ${state.failed ? "bad" : ""}`} role="status" aria-live="polite">${state.message}</p>
    <main id="main">
      ${endpoints.length === 0 ? html`<p class="empty">No endpoint is deployed yet.</p>`
        : html`<section aria-labelledby="graph"><h2 id="graph">Calls between endpoints</h2>
            <${Graph} endpoints=${endpoints} onSelect=${select} /></section>
          <section aria-labelledby="endpoints"><h2 id="endpoints">Endpoints</h2>
            <div class="cards">${endpoints.map((endpoint) => html`<${Endpoint} key=${endpoint.id} endpoint=${endpoint} />`)}</div></section>`}
      <${Calls} onOpen=${open} />
      <${Log} />
    </main>
    ${opened && html`<${JobDialog} key=${opened.id} call=${opened} onClose=${() => open(null)} />`}`;
}

const root = document.getElementById("app");
root.textContent = "";
render(html`<${App} />`, root);
start().catch((error) => {
  state.message = `The platform can't be reached: ${error.message}`;
  state.failed = true;
});
