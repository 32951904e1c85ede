// An endpoint: its numbers, its workers, a form to call it, and its routes.

import { html, useState } from "/page/vendor/htm-preact.js";
import { RequestForm } from "/page/form.js";
import { ask, state } from "/page/state.js";
import { milliseconds, quantile } from "/page/words.js";

export function Endpoint({ endpoint }) {
  const times = state.times.get(endpoint.id) ?? [];
  const url = `${location.origin}/${endpoint.balanced ? "lb" : "v2"}/${endpoint.id}`;
  return html`<article id=${`endpoint-${endpoint.id}`} tabindex="-1" aria-labelledby=${`name-${endpoint.id}`}>
    <header>
      <h3 id=${`name-${endpoint.id}`}>${endpoint.name}</h3>
      <span class="kind">${endpoint.balanced ? "load balancer" : "queue"}</span>
    </header>
    <p class="url"><code>${url}</code></p>
    ${!endpoint.balanced && html`<dl>
      <div><dt>waiting</dt><dd>${endpoint.queued}</dd></div>
      <div><dt>running</dt><dd>${endpoint.running}</dd></div>
      <div><dt>completed</dt><dd>${endpoint.completed}</dd></div>
      <div class=${endpoint.failed ? "bad" : ""}><dt>failed</dt><dd>${endpoint.failed}</dd></div>
    </dl>`}
    <dl>
      <div><dt>p50</dt><dd>${milliseconds(quantile(times, 0.5))}</dd></div>
      <div><dt>p95</dt><dd>${milliseconds(quantile(times, 0.95))}</dd></div>
      <${Times} values=${times} />
    </dl>
    <h4>Workers <span class="quiet">${endpoint.least} to ${endpoint.most}</span></h4>
    <ul class="workers">
      ${endpoint.workers.map((worker) => html`<li key=${worker.id} class=${worker.state}>
        <code>${worker.id}</code> ${worker.state}${worker.held ? `, works on ${worker.held}` : ""}</li>`)}
      ${endpoint.workers.length === 0 && html`<li class="quiet">none; one starts with the next call</li>`}
    </ul>
    <details><summary>Send a request</summary><${RequestForm} endpoint=${endpoint} /></details>
    ${endpoint.balanced && html`<${Routes} endpoint=${endpoint} />`}
  </article>`;
}

function Times({ values }) {
  if (values.length < 2) return null;
  const most = Math.max(...values, 1);
  const step = 200 / Math.max(values.length - 1, 1);
  const points = values.map((value, i) => `${(i * step).toFixed(1)},${(28 - (value / most) * 26).toFixed(1)}`);
  return html`<div class="times"><dt class="hidden">last calls</dt><dd><svg viewBox="0 0 200 30"
    preserveAspectRatio="none" role="img" aria-label=${`The last ${values.length} calls took up to ${milliseconds(most)}`}>
    <polyline points=${points.join(" ")} /></svg></dd></div>`;
}

// The routes as the running app describes them itself.
function Routes({ endpoint }) {
  const [found, setFound] = useState(null);
  async function load(event) {
    if (!event.target.open || found) return;
    const reply = await ask(`/lb/${endpoint.id}/openapi.json`);
    setFound(reply.ok ? await reply.json() : { error: `the app answers ${reply.status}` });
  }
  const operations = Object.entries(found?.paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, what]) => ({ path, method: method.toUpperCase(), what })));
  return html`<details onToggle=${load}><summary>OpenAPI</summary>
    ${found?.error && html`<p class="bad">${found.error}</p>`}
    ${operations.map(({ path, method, what }) => html`<section class="operation">
      <h5><span class="kind">${method}</span> <code>${path}</code></h5>
      ${(what.description || what.summary) && html`<p>${what.description || what.summary}</p>`}
      ${what.parameters?.length > 0 && html`<ul>${what.parameters.map((parameter) => html`<li>
        <code>${parameter.name}</code> in ${parameter.in}, ${parameter.schema?.type ?? "any"}${parameter.required ? ", required" : ""}</li>`)}</ul>`}
      ${what.requestBody && html`<p>takes a body of JSON</p>`}
      <p class="quiet">answers ${Object.keys(what.responses ?? {}).join(", ")}</p>
    </section>`)}
    ${found && !found.error && html`<details><summary>openapi.json</summary>
      <pre tabindex="0">${JSON.stringify(found, null, 2)}</pre></details>`}
  </details>`;
}
