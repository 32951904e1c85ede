// The page of the local platform.

import { html, render, useEffect, useReducer, useState } from "/page/vendor/htm-preact.js";
import { Graph } from "/page/graph.js";
import { Log } from "/page/log.js";
import { CallDialog } from "/page/call.js";
import { Calls } from "/page/calls.js";
import { Endpoint } from "/page/endpoint.js";
import { Faults } from "/page/faults.js";
import { start, state, subscribe } from "/page/state.js";
import { counted } from "/page/words.js";

const PARTS = [["graph", "Graph"], ["endpoints", "Endpoints"], ["calls", "Calls"], ["faults", "Faults"], ["log", "Log"]];

function App() {
  const [, redraw] = useReducer((count) => count + 1, 0);
  const [opened, setOpened] = useState([]); // calls, the one that is shown last
  const open = (call) => setOpened((before) => [...before, call]);
  useEffect(() => subscribe(redraw), []);
  const endpoints = [...state.endpoints].sort((a, b) => a.name.localeCompare(b.name));
  const app = endpoints[0]?.app ?? "";
  const active = state.faults.fault.length;

  function select(id) {
    const article = document.getElementById(`endpoint-${id}`);
    article?.scrollIntoView({ block: "start" });
    article?.focus({ preventScroll: true });
  }

  return html`<header class="top">
      <h1>${app || "flashc"} <span class="quiet">${app ? "on this machine" : ""}</span></h1>
      <p class=${`link-state ${state.connected ? "" : "bad"}`} role="status">
        ${state.connected ? "connected" : "not connected; trying again"}</p>
      <nav aria-label="Parts of the page">${PARTS.map(([id, name]) => html`<a href=${`#${id}`}>${name}</a>`)}
        ${active > 0 && html`<strong class="chip">${counted(active, "fault")} active</strong>`}</nav>
    </header>
    <p class=${`message ${state.failed ? "bad" : ""}`} role="status" aria-live="polite">${state.message}</p>
    <main id="main">
      ${endpoints.length === 0 ? html`<p class="empty">No endpoint is deployed yet.</p>`
        : html`<section aria-labelledby="graph"><h2 id="graph" tabindex="-1">Calls between endpoints</h2>
            <${Graph} endpoints=${endpoints} onSelect=${select} /></section>
          <section aria-labelledby="endpoints"><h2 id="endpoints" tabindex="-1">Endpoints</h2>
            <div class="cards">${endpoints.map((endpoint) =>
              html`<${Endpoint} key=${endpoint.id} endpoint=${endpoint} />`)}</div></section>`}
      <${Calls} onOpen=${open} />
      <${Faults} />
      <${Log} />
    </main>
    ${opened.length > 0 && html`<${CallDialog} calls=${opened} onOpen=${open}
      onBack=${() => setOpened(opened.slice(0, -1))} onClose=${() => setOpened([])} />`}`;
}

const root = document.getElementById("app");
root.textContent = "";
render(html`<${App} />`, root);
start();
