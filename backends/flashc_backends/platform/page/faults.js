// Faults on request: those that are active, an editor for them, and what they did.

import { html, useEffect, useRef, useState } from "/page/vendor/htm-preact.js";
import { ask, refreshSoon, state } from "/page/state.js";
import { counted, timeOf } from "/page/words.js";

const NAMES_OF_ENDPOINTS = ["endpoint", "caller"];
const HINTS = {
  endpoint: "at which it happens",
  caller: "whose requests it concerns",
  at: "the numbers of the events, such as 1, 3; empty: all of them",
};

// The kinds of faults as the JSON Schema of their file describes them: kind -> {summary, fields}.
function kindsOf(schema) {
  const { mapping } = schema.$defs.Faults.properties.fault.items.discriminator;
  return new Map(Object.entries(mapping).map(([kind, reference]) => {
    const { description, properties, required } = schema.$defs[reference.split("/").at(-1)];
    const fields = Object.entries(properties).filter(([name]) => name !== "kind")
      .map(([name, what]) => ({ name, ...shapeOf(what), isRequired: required.includes(name) }));
    const isCommon = ({ name }) => ["at", "probability"].includes(name);
    return [kind, {
      summary: description.split("\n\n")[0],
      fields: [...fields.filter((field) => !isCommon(field)), ...fields.filter(isCommon)],
    }];
  }));
}

function shapeOf(what) {
  const chosen = what.anyOf?.find((each) => each.type !== "null") ?? what;
  const choices = (what.enum ?? chosen.enum)?.filter((each) => each !== null);
  const { minimum, maximum } = chosen;
  const range = minimum !== undefined && maximum !== undefined ? `${minimum} to ${maximum}` : "";
  const without = ["string", "number", "integer"].includes(typeof what.default) ? `default ${what.default}` : "";
  return { type: chosen.type, choices, default: what.default ?? null, hint: [range, without].filter(Boolean).join(", ") };
}

const isDefault = (field, value) => JSON.stringify(value ?? null) === JSON.stringify(field.default);

function textOf(field, value) {
  if (value === undefined || (isDefault(field, value) && !field.isRequired)) return "";
  return Array.isArray(value) ? value.join(", ") : String(value ?? "");
}

const number = (text) => (text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text);

// What the user typed, as a value for the platform: it says what is wrong with it.
function valueOf(field, text) {
  if (field.type === "array") return text.split(/[\s,]+/).filter(Boolean).map(number);
  return ["number", "integer"].includes(field.type) ? number(text) : text;
}

let drafts = 0;

function draftOf(asked, kinds) {
  return {
    seed: asked.seed ? String(asked.seed) : "",
    faults: asked.fault.map((fault) => ({
      key: (drafts += 1),
      kind: fault.kind,
      values: Object.fromEntries(kinds.get(fault.kind).fields
        .map((field) => [field.name, textOf(field, fault[field.name])])),
    })),
  };
}

function documentOf(draft, kinds) {
  const fault = draft.faults.map(({ kind, values }) => ({
    kind,
    ...Object.fromEntries(kinds.get(kind).fields.filter((field) => (values[field.name] ?? "") !== "")
      .map((field) => [field.name, valueOf(field, values[field.name])])),
  }));
  return { ...(draft.seed.trim() ? { seed: number(draft.seed) } : {}), fault };
}

// The members of a fault that are not the default; without a schema all that say something.
function told(fault) {
  return Object.entries(fault).filter(([name, value]) => name !== "kind" && value !== null
    && !(name === "probability" && value === 1) && !(Array.isArray(value) && value.length === 0)
    && !(["seconds", "latency"].includes(name) && value === 0) && value !== "clients");
}

function fileOf({ seed, fault }) {
  const lines = (members) => members.map(([name, value]) => `${name} = ${JSON.stringify(value)}`);
  return [`seed = ${seed}`, ...fault.map((each) =>
    ["", "[[fault]]", ...lines([["kind", each.kind], ...told(each)])].join("\n"))].join("\n");
}

async function put(document) {
  try {
    const reply = await ask("/faults", { method: "PUT", body: JSON.stringify(document) });
    const answer = await reply.json();
    if (reply.ok) return [];
    return answer.problems ?? [{ fault: 0, key: "", message: answer.error, help: "" }];
  } catch (error) {
    return [{ fault: 0, key: "", message: `the platform can't be reached: ${error.message}`, help: "" }];
  }
}

export function Faults() {
  const [kinds, setKinds] = useState(null);
  const [draft, setDraft] = useState(null);
  const [said, say] = useState("");
  const title = useRef(null);
  const asked = state.faults;

  async function edit() {
    const known = kinds ?? kindsOf(await (await ask("/page/fault-schema")).json());
    setKinds(known);
    const opened = draftOf(asked, known);
    if (opened.faults.length === 0) opened.faults.push(emptyFault(known));
    setDraft(opened);
    say("");
  }
  async function close(message) {
    setDraft(null);
    say(message);
    title.current?.focus();
    refreshSoon();
  }
  async function clear() {
    const problems = await put({});
    close(problems.length ? problems[0].message : "No fault is active any more.");
  }

  return html`<section aria-labelledby="faults"><header class="row">
      <h2 id="faults" ref=${title} tabindex="-1">Faults on request</h2>
      ${!draft && html`<button type="button" onClick=${edit}>${asked.fault.length ? "Edit" : "Add a fault"}</button>`}
      ${!draft && asked.fault.length > 0 && html`<button type="button" onClick=${clear}>Clear all</button>`}
      <span role="status">${said}</span></header>
    ${draft ? html`<${Editor} kinds=${kinds} draft=${draft} setDraft=${setDraft} onClose=${close} />`
      : html`<${Active} asked=${asked} />`}
    <${Happened} happened=${asked.happened} /></section>`;
}

const emptyFault = (kinds) => ({ key: (drafts += 1), kind: [...kinds.keys()][0], values: {} });

function Active({ asked }) {
  if (asked.fault.length === 0) {
    return html`<p class="empty">No fault is active. A fault makes workers die, results get lost or the network slow,
      so that you see what your app does then.</p>`;
  }
  return html`<ul class="faults">${asked.fault.map((fault, index) => html`<li>
      <strong>${fault.kind}</strong> ${told(fault).map(([name, value]) =>
        html` <span class="member"><span class="quiet">${name}</span>
          ${" "}${Array.isArray(value) ? value.join(", ") : value}</span>`)}
      ${" "}<span class="kind">happened ${counted(asked.counts[index] ?? 0, "time")}</span></li>`)}</ul>
    <details><summary>As a file for --faults</summary><pre tabindex="0">${fileOf(asked)}</pre></details>`;
}

function Happened({ happened }) {
  if (happened.length === 0) return null;
  return html`<details><summary>The last ${counted(happened.length, "fault")} that happened</summary>
    <ul class="happened" tabindex="0">${[...happened].reverse().map((what) => html`<li>
      <span class="quiet">${timeOf(what.time)}</span> ${what.fault} at ${what.name}${what.caller
        ? `, called by ${what.caller}` : ""} <span class="quiet">event ${what.number}</span></li>`)}</ul></details>`;
}

function Editor({ kinds, draft, setDraft, onClose }) {
  const [problems, setProblems] = useState([]);
  const form = useRef(null);
  useEffect(() => {
    const first = form.current?.querySelector("[aria-invalid=true], .problem");
    first?.focus();
    first?.scrollIntoView({ block: "center" });
  }, [problems]);
  const change = (index, fault) =>
    setDraft({ ...draft, faults: draft.faults.map((each, i) => (i === index ? fault : each)) });
  // The problems are those of the faults at their places when they were sent.
  const reshape = (faults) => { setProblems([]); setDraft({ ...draft, faults }); };
  async function apply(event) {
    event.preventDefault();
    const found = await put(documentOf(draft, kinds));
    setProblems(found);
    if (found.length === 0) onClose("The faults are set; all events are counted from 1 again.");
  }
  const ofSeed = problems.find(({ fault, key }) => fault === 0 && key === "seed");
  const general = problems.find((problem) => problem.fault === 0 && problem !== ofSeed);
  return html`<form class="editor" ref=${form} onSubmit=${apply} novalidate aria-labelledby="faults">
    <p role="alert" class="bad">${problems.length > 0 && `Not set: ${counted(problems.length, "mistake")}.`}</p>
    ${general && html`<${Problem} id="fault-problem" problem=${general} />`}
    <div class="cards">${draft.faults.map((fault, index) => html`<${FaultFields} key=${fault.key} fault=${fault}
      title=${`Fault ${index + 1}`} kinds=${kinds} set=${(next) => change(index, next)}
      problem=${problems.find((problem) => problem.fault === index + 1)}
      onRemove=${() => reshape(draft.faults.filter((each) => each !== fault))} />`)}</div>
    ${draft.faults.length === 0 && html`<p class="empty">With no fault in the list, all is well again.</p>`}
    <${Input} id="fault-seed" name="seed" hint="of the chances; the same seed gives the same faults" problem=${ofSeed}
      value=${draft.seed} set=${(seed) => setDraft({ ...draft, seed })} isNumber=${true} />
    <p class="row tight">
      <button type="button" onClick=${() => reshape([...draft.faults, emptyFault(kinds)])}>Add another fault</button>
      <button type="submit">Set these faults</button>
      <button type="button" onClick=${() => onClose("Nothing was changed.")}>Cancel</button></p>
  </form>`;
}

function Problem({ id, problem }) {
  const message = problem.message.replace(`\`${problem.key}\`: `, "");
  return html`<span class="problem bad" id=${id} tabindex="-1">
    ${message}${problem.help ? `: ${problem.help}` : ""}</span>`;
}

function FaultFields({ fault, title, kinds, set, problem, onRemove }) {
  const { summary, fields } = kinds.get(fault.kind);
  const id = `fault-${fault.key}`;
  const put = (name, text) => set({ ...fault, values: { ...fault.values, [name]: text } });
  const hasPlace = problem && [...fields.map((field) => field.name), "kind"].includes(problem.key);
  const at = (name) => (problem?.key === name ? problem : undefined);
  return html`<fieldset><legend>${title}</legend>
    ${problem && !hasPlace && html`<${Problem} id="${id}-problem" problem=${problem} />`}
    <${Choice} id="${id}-kind" name="kind" hint=${coded(summary)} value=${fault.kind} problem=${at("kind")}
      options=${[...kinds.keys()].map((kind) => [kind, kind])} set=${(kind) => set({ ...fault, kind })} />
    ${fields.map((field) => {
      const common = { id: `${id}-${field.name}`, name: field.name, problem: at(field.name),
        hint: [HINTS[field.name], field.hint].filter(Boolean).join(", "), value: fault.values[field.name] ?? "",
        set: (text) => put(field.name, text) };
      const options = optionsOf(field, common.value);
      return options ? html`<${Choice} key=${field.name} ...${common} options=${options} />`
        : html`<${Input} key=${field.name} ...${common} isRequired=${field.isRequired}
            isNumber=${["number", "integer"].includes(field.type)} />`;
    })}
    <button type="button" onClick=${onRemove}>Remove<span class="hidden"> ${title}</span></button>
  </fieldset>`;
}

// What a field can be chosen from; an endpoint that is not deployed now stays what it is.
function optionsOf(field, value) {
  if (NAMES_OF_ENDPOINTS.includes(field.name)) {
    const names = state.endpoints.map((endpoint) => endpoint.name).sort();
    const gone = value && !names.includes(value) ? [[value, `${value} (not deployed)`]] : [];
    return [["", "any endpoint"], ...names.map((name) => [name, name]), ...gone];
  }
  if (!field.choices) return null;
  const others = field.choices.filter((each) => each !== field.default);
  return [["", field.default ?? "no"], ...others.map((each) => [each, each])];
}

// A text in which names are between backticks.
const coded = (text) => text.split("`").map((part, index) => (index % 2 ? html`<code>${part}</code>` : part));

const describedBy = (id, problem) => `${id}-hint${problem ? ` ${id}-problem` : ""}`;

function Choice({ id, name, hint, value, options, set, problem }) {
  return html`<div class="field"><label for=${id}>${name}</label>
    <select id=${id} value=${value} onChange=${(event) => set(event.target.value)}
      aria-invalid=${problem ? "true" : undefined} aria-describedby=${describedBy(id, problem)}>
      ${options.map(([given, shown]) => html`<option value=${given}>${shown}</option>`)}</select>
    ${problem && html`<${Problem} id="${id}-problem" problem=${problem} />`}
    <span id="${id}-hint" class="hint">${hint}</span></div>`;
}

function Input({ id, name, hint, value, set, problem, isRequired = false, isNumber = false }) {
  return html`<div class="field"><label for=${id}>${name}</label>
    <input id=${id} type="text" inputmode=${isNumber ? "decimal" : "text"} value=${value} required=${isRequired}
      onInput=${(event) => set(event.target.value)} autocomplete="off"
      aria-invalid=${problem ? "true" : undefined} aria-describedby=${describedBy(id, problem)} />
    ${problem && html`<${Problem} id="${id}-problem" problem=${problem} />`}
    <span id="${id}-hint" class="hint">${hint}</span></div>`;
}
