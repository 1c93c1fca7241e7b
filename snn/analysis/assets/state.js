"use strict";
// What the parts of the page share: the runs, which of them are seen, and who wants to know.

const report = JSON.parse(document.getElementById("report-data").textContent);
const { columns, rows, names, links, curves } = report;

const state = {
  filters: new Map(), // column -> what was typed
  brushed: null, // rows inside of the brushes of the parallel coordinates; null: no brush
  chosen: [], // rows whose curves are drawn, in the order in which they were chosen
  sort: { column: report.metric, down: report.metric !== null && columns[report.metric].better > 0 },
};
const views = []; // functions that draw anew when the state has changed

function changed(part) {
  for (const view of views) view(part);
  remember();
}

// One word of a filter: >=90, <5, 10..20, =3, or a text that the cell holds; a|b is either.
function matcher(text, isNumber) {
  const one = (word) => {
    const range = word.match(/^(-?[\d.e+-]+)\.\.(-?[\d.e+-]+)$/i);
    if (range) return between(Number(range[1]), Number(range[2]));
    const compared = word.match(/^(<=|>=|<|>|=)\s*(.+)$/);
    if (compared && compared[1] !== "=") {
      const limit = Number(compared[2]);
      if (Number.isNaN(limit)) return null;
      const tests = { "<": (v) => v < limit, ">": (v) => v > limit };
      tests["<="] = (v) => v <= limit;
      tests[">="] = (v) => v >= limit;
      return (v) => v !== null && tests[compared[1]](v);
    }
    const plain = compared ? compared[2] : word;
    if (isNumber) {
      const wanted = Number(plain);
      return Number.isNaN(wanted) ? null : (v) => v === wanted;
    }
    const low = plain.toLowerCase();
    if (compared) return (v) => String(v ?? "").toLowerCase() === low;
    return (v) => String(v ?? "").toLowerCase().includes(low);
  };
  const between = (low, high) =>
    Number.isNaN(low + high) ? null : (v) => v !== null && v >= low && v <= high;
  const words = text.split("|").map((word) => word.trim()).filter(Boolean);
  const tests = words.map(one);
  if (tests.includes(null)) return null;
  return tests.length ? (v) => tests.some((test) => test(v)) : () => true;
}

// Rows that pass what was typed above the table; with `brush` also the parallel coordinates'.
function seen(brush = true) {
  const tests = [];
  for (const [column, text] of state.filters) {
    const isNumber = column >= 0 && columns[column].number;
    const test = matcher(text, isNumber);
    if (test) tests.push((i) => test(column < 0 ? names[i] : rows[i][column]));
  }
  const all = [...rows.keys()].filter((i) => tests.every((test) => test(i)));
  return brush && state.brushed ? all.filter((i) => state.brushed.has(i)) : all;
}

// Better runs first; those without a result last.
function byMetric(indices) {
  const column = report.metric;
  if (column === null) return [...indices];
  const sign = -columns[column].better;
  return [...indices].sort((a, b) => {
    const [x, y] = [rows[a][column], rows[b][column]];
    if (x === null || y === null) return (x === null) - (y === null);
    return sign * (x - y) || a - b;
  });
}

function choose(row, on = !state.chosen.includes(row)) {
  state.chosen = state.chosen.filter((other) => other !== row);
  if (on) state.chosen.push(row);
  changed("chosen");
}

function shown(value, column) {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return String(value);
  if (column.kind !== "measure") return numberText(value);
  if (column.title.includes("%")) return value.toFixed(2);
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(4)));
}

// As on a command line: 100, 0.01, 1e-6.
function numberText(value) {
  const size = Math.abs(value);
  if (!value || (size >= 1e-3 && size < 1e6)) return String(value);
  return value.toExponential().replace("e+", "e");
}

// The run in words, for hovers and the list of curves.
function described(row, kinds = ["axis", "repeat"]) {
  const parts = columns.map((column, c) =>
    kinds.includes(column.kind) && rows[row][c] !== null
      ? `${column.title}=${shown(rows[row][c], column)}`
      : null,
  );
  return parts.filter(Boolean).join(", ") || names[row];
}

function escaped(text) {
  return String(text).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
}

function hover(row) {
  const lines = columns.map((column, c) => {
    const value = `<b>${escaped(shown(rows[row][c], column))}</b>`;
    return `${escaped(column.title)}: ${value}`;
  });
  return [`<i>${escaped(names[row])}</i>`, ...lines].join("<br>");
}

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

// A page that reloads while a sweep runs keeps what was typed and chosen.
const place = `snn-report:${location.pathname}`;

function remember() {
  const { filters, chosen, sort } = state;
  const kept = { filters: [...filters], chosen: chosen.map((i) => names[i]), sort };
  try {
    sessionStorage.setItem(place, JSON.stringify(kept));
  } catch { /* a browser that keeps nothing for files */ }
}

function recall() {
  if (report.refresh === null) return;
  try {
    const kept = JSON.parse(sessionStorage.getItem(place));
    if (!kept) return;
    const known = ([column]) => column < columns.length;
    state.filters = new Map(kept.filters.filter(known));
    state.chosen = kept.chosen.map((name) => names.indexOf(name)).filter((i) => i >= 0);
    if (kept.sort.column === null || kept.sort.column < columns.length) state.sort = kept.sort;
  } catch { /* as above */ }
}
