// A trace: what a job or request made other endpoints do, and when.

import { html, useEffect, useState } from "/page/vendor/htm-preact.js";
import { callOfSpan, state, watchTrace } from "/page/state.js";
import { counted, FINAL, isBad, milliseconds, stateOf } from "/page/words.js";

const SHOWN_AT_FIRST = 100;

// The spans that ended, and the jobs that still wait or run.
function spansOf(trace) {
  const found = new Map(state.watched?.trace === trace ? state.watched.spans : []);
  const now = Date.now() / 1000;
  for (const call of state.calls.values()) {
    if (call.trace !== trace || call.kind !== "job" || FINAL.has(call.status)) continue;
    found.set(call.span, {
      trace,
      span: call.span,
      parent: call.parent,
      endpoint: call.endpoint,
      label: state.endpoints.find((each) => each.id === call.endpoint)?.name ?? call.endpoint,
      name: "job",
      start: call.created,
      end: Math.max(now, call.created),
      status: call.status,
      worker: call.worker,
      job: call.id,
      runs: true,
    });
  }
  return found;
}

// The spans in the order of a tree: each one is followed by what it called.
function ordered(spans) {
  const below = new Map();
  const tops = [];
  for (const span of [...spans.values()].sort((a, b) => a.start - b.start)) {
    if (!spans.has(span.parent)) tops.push(span);
    else if (below.has(span.parent)) below.get(span.parent).push(span);
    else below.set(span.parent, [span]);
  }
  const rows = [];
  const waiting = tops.reverse().map((span) => ({ span, depth: 0 }));
  while (waiting.length > 0) {
    const row = waiting.pop();
    rows.push(row);
    for (const span of (below.get(row.span.span) ?? []).reverse()) {
      waiting.push({ span, depth: row.depth + 1 });
    }
  }
  return rows;
}

export function Trace({ trace, current, onOpen }) {
  const [all, showAll] = useState(false);
  useEffect(() => watchTrace(trace), [trace]);
  const spans = spansOf(trace);
  if (spans.size === 0) {
    return html`<p class="empty">${state.watched?.isLoaded
      ? "Nothing of this trace has ended yet, or the platform does not keep it any more." : "Loading …"}</p>`;
  }
  const rows = ordered(spans);
  const begin = Math.min(...rows.map(({ span }) => span.start));
  const total = Math.max(...rows.map(({ span }) => span.end)) - begin;
  const failed = rows.filter(({ span }) => isBad(span.status)).length;
  const shown = all ? rows : rows.slice(0, SHOWN_AT_FIRST);
  const scale = { begin, total: Math.max(total, 0.001) };
  return html`<p>${counted(rows.length, "span")} in ${milliseconds(total * 1000)}${failed
      ? html`, <strong class="bad">${failed} failed</strong>` : ""}
      <span class="quiet"> (a light bar: waits for a worker)</span></p>
    <ol class="spans" aria-label="Trace">
      ${shown.map(({ span, depth }) => html`<${Row} key=${span.span} span=${span} depth=${depth}
        scale=${scale} parent=${spans.get(span.parent)} isCurrent=${span.span === current || span.job === current}
        onOpen=${onOpen} />`)}
    </ol>
    ${shown.length < rows.length && html`<button type="button" onClick=${() => showAll(true)}>
      Show all ${rows.length}</button>`}
    <p class="hint">trace <code>${trace}</code></p>`;
}

function Row({ span, depth, scale, parent, isCurrent, onOpen }) {
  const bad = isBad(span.status);
  const call = callOfSpan(span);
  const offset = (span.start - scale.begin) * 1000;
  const took = (span.end - span.start) * 1000;
  return html`<li class=${`${bad ? "bad" : ""} ${isCurrent ? "current" : ""}`}
      aria-current=${isCurrent ? "true" : undefined}>
    <span class=${`what depth-${Math.min(depth, 6)}`}>
      ${isCurrent ? html`<strong>${span.label}</strong>`
        : html`<button type="button" class="link" onClick=${() => onOpen(call)}>${span.label}</button>`}
      ${" "}<code>${span.name}</code>
      ${parent && html`<span class="hidden">, called by ${parent.label}</span>`}</span>
    <${Bar} span=${span} started=${call.started} scale=${scale} bad=${bad} />
    <span class="figures">
      <span><span class="quiet">at</span> ${milliseconds(offset)}</span>
      <span><span class="quiet">${span.runs ? "for" : "took"}</span> ${milliseconds(took)}</span>
      <span class="state">${bad ? "✕ " : ""}${stateOf(span.status)}</span>
      ${call.faults?.map((fault) => html`<span class="kind">fault: ${fault}</span>`)}
      ${span.worker && html`<span><span class="hidden">worker </span><code>${span.worker}</code></span>`}
    </span></li>`;
}

const percent = (share) => `${(Math.min(Math.max(share, 0), 1) * 100).toFixed(3)}%`;

function Bar({ span, started, scale, bad }) {
  const at = (time) => (time - scale.begin) / scale.total;
  const from = at(span.start);
  // A job that is run again has waited before its first start, too.
  const runs = started >= span.start && started <= span.end ? at(started) : from;
  const waits = span.status === "IN_QUEUE" ? at(span.end) : runs;
  return html`<svg class=${`bar ${bad ? "bad" : ""} ${span.runs ? "runs" : ""}`} aria-hidden="true">
    <rect class="waited" x=${percent(from)} width=${percent(waits - from)} height="100%" />
    ${span.status !== "IN_QUEUE" && html`<rect x=${percent(Math.min(runs, 0.995))}
      width=${percent(Math.max(at(span.end) - runs, 0.005))} height="100%" />`}
  </svg>`;
}
