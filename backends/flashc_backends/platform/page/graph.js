// The picture of which endpoint calls which, in columns: callers are left of what they call.

import { html } from "/page/vendor/htm-preact.js";
import { keyOfEdge, state } from "/page/state.js";
import { counted, cut, milliseconds, quantile } from "/page/words.js";

const WIDTH = 190;
const HEIGHT = 62;
const GAP_X = 110;
const GAP_Y = 18;

function columnsOf(endpoints) {
  const byName = new Map(endpoints.map((endpoint) => [endpoint.name, endpoint]));
  const depth = new Map(endpoints.map((endpoint) => [endpoint.name, 0]));
  // A cycle would go on for ever: no path is longer than the number of endpoints.
  for (let round = 0; round < endpoints.length; round += 1) {
    for (const endpoint of endpoints) {
      for (const callee of endpoint.shape.callees) {
        if (!byName.has(callee) || callee === endpoint.name) continue;
        const wanted = Math.min(depth.get(endpoint.name) + 1, endpoints.length - 1);
        if (depth.get(callee) < wanted) depth.set(callee, wanted);
      }
    }
  }
  const columns = [];
  for (const endpoint of endpoints) (columns[depth.get(endpoint.name)] ??= []).push(endpoint);
  return columns.filter(Boolean);
}

export function Graph({ endpoints, onSelect }) {
  const columns = columnsOf(endpoints);
  const rows = Math.max(1, ...columns.map((column) => column.length));
  const place = new Map();
  columns.forEach((column, x) => {
    const top = ((rows - column.length) * (HEIGHT + GAP_Y)) / 2;
    column.forEach((endpoint, y) => {
      place.set(endpoint.name, { x: 2 + x * (WIDTH + GAP_X), y: 2 + top + y * (HEIGHT + GAP_Y) });
    });
  });
  const width = 4 + columns.length * (WIDTH + GAP_X) - GAP_X;
  const height = 4 + rows * (HEIGHT + GAP_Y) - GAP_Y;
  const known = endpoints.flatMap((from) => from.shape.callees.map((to) => keyOfEdge(from.name, to)));
  const edges = [...new Set([...known, ...state.edges.keys()])]
    .map((key) => key.split("\n"))
    .filter(([from, to]) => place.has(from) && place.has(to));
  const described = edges.map(([from, to]) => `${from} calls ${to}${timesOf(from, to)}`).join(", ");
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Call graph">
    <svg viewBox="0 0 ${width} ${height}" width=${width} height=${height} class="graph" role="group"
      style=${{ minWidth: `${width * 0.72}px` }}
      aria-label=${`Call graph. ${described || "No endpoint calls another."}`}>
      <defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7"
        markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" class="arrow" /></marker></defs>
      ${edges.map(([from, to]) => edge(place.get(from), place.get(to), keyOfEdge(from, to)))}
      ${endpoints.map((endpoint) => node(endpoint, place.get(endpoint.name), onSelect))}
    </svg>
  </div>`;
}

function timesOf(from, to) {
  const found = state.edges.get(keyOfEdge(from, to));
  return found?.count ? `, ${counted(found.count, "time")}` : "";
}

function edge(from, to, key) {
  const [x1, y1] = [from.x + WIDTH, from.y + HEIGHT / 2];
  const [x2, y2] = [to.x, to.y + HEIGHT / 2];
  const bend = Math.max(30, Math.abs(x2 - x1) / 2);
  const path = `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
  const found = state.edges.get(key);
  const middle = { x: (x1 + x2) / 2, y: y1 + (y2 - y1) * 0.5 - 5 };
  return html`<g key=${key}>
    <path d=${path} class="edge" marker-end="url(#arrow)" />
    ${found?.count > 0 && html`<text x=${middle.x} y=${middle.y} class="label" text-anchor="middle">
      ${found.count} × ${milliseconds(quantile(found.times, 0.5))}</text>`}
  </g>`;
}

function node(endpoint, at, onSelect) {
  const times = state.times.get(endpoint.id);
  const counts = state.counts.get(endpoint.id) ?? { done: 0, failed: 0 };
  const busy = endpoint.workers.some((worker) => worker.held > 0);
  const calls = counted(counts.done + counts.failed, "call");
  const text = `${calls}${counts.failed ? `, ${counts.failed} failed` : ""}`;
  const select = () => onSelect(endpoint.id);
  return html`<g key=${endpoint.id} class="node ${busy ? "busy" : ""} ${counts.failed ? "bad" : ""}"
    transform="translate(${at.x} ${at.y})" role="link" tabindex="0"
    aria-label=${`${endpoint.name}: ${text}, median ${milliseconds(quantile(times, 0.5))}`}
    onClick=${select} onKeyDown=${(event) => event.key === "Enter" && select()}>
    <rect width=${WIDTH} height=${HEIGHT} rx="8" />
    <text x="12" y="22" class="name">${cut(endpoint.name, 22)}</text>
    <text x="12" y="39">${text}</text>
    <text x="12" y="54">p50 ${milliseconds(quantile(times, 0.5))} · p95 ${milliseconds(quantile(times, 0.95))}</text>
  </g>`;
}
