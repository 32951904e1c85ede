// The table of recent jobs and requests.

import { html, useState } from "/page/vendor/htm-preact.js";
import { nameOf, state } from "/page/state.js";
import { cut, isBad, milliseconds, stateOf, timeOf } from "/page/words.js";

const STEP = 50;

export function Calls({ onOpen }) {
  const [endpoint, choose] = useState("");
  const [onlyBad, showBad] = useState(false);
  const [most, setMost] = useState(STEP);
  const found = [...state.calls.values()].reverse()
    .filter((call) => (!endpoint || call.endpoint === endpoint) && (!onlyBad || isBad(call.status)));
  return html`<section aria-labelledby="calls"><header class="row"><h2 id="calls" tabindex="-1">Recent calls</h2>
    <label>of <select value=${endpoint} onChange=${(event) => choose(event.target.value)}>
      <option value="">all endpoints</option>
      ${state.endpoints.map((each) => html`<option value=${each.id}>${each.name}</option>`)}
    </select></label>
    <label><input type="checkbox" checked=${onlyBad} onChange=${(event) => showBad(event.target.checked)} />
      ${" "}only those that failed</label></header>
    ${found.length === 0 ? html`<p class="empty">${state.calls.size ? "No such call."
        : "No call yet. Send one from an endpoint, or with curl."}</p>`
      : html`<div class="scroll" tabindex="0" role="region" aria-label="Table of calls"><table>
      <caption class="hidden">Jobs and requests, the newest first</caption>
      <thead><tr><th scope="col" class="time">Time</th><th scope="col">Endpoint</th><th scope="col">Call</th>
        <th scope="col">Result</th><th scope="col" class="number">Took</th></tr></thead>
      <tbody>${found.slice(0, most).map((call) =>
        html`<${Call} key=${call.id} call=${call} onOpen=${onOpen} />`)}</tbody>
    </table></div>`}
    ${found.length > most && html`<p><button type="button" onClick=${() => setMost(most + STEP * 3)}>
      Show more</button> <span class="quiet">${most} of ${found.length}</span></p>`}</section>`;
}

function Call({ call, onOpen }) {
  const isJob = call.kind === "job";
  const took = isJob ? (call.finished ? (call.finished - call.created) * 1000 : null) : call.ms;
  return html`<tr class=${isBad(call.status) ? "bad" : ""}>
    <td class="time">${timeOf(call.at)}</td>
    <td>${nameOf(call.endpoint)}${call.caller ? html` <span class="quiet">from ${call.caller}</span>` : ""}</td>
    <td><button type="button" class="link" onClick=${() => onOpen(call)}>${isJob
      ? `job ${call.id.slice(0, 13)}` : `${call.method} ${cut(call.path, 70)}`}</button></td>
    <td><span class="state">${stateOf(call.status)}</span>
      ${call.faults?.map((fault) => html` <span class="kind">fault: ${fault}</span>`)}</td>
    <td class="number">${milliseconds(took)}</td></tr>`;
}
