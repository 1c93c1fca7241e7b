// The table of runs: sorted by its headings, filtered by the fields below them.

const FIRST = 25; // rows shown before one asks for all; paper has all of them
let allRows = rows.length <= FIRST + 5;

function makeTable() {
  const table = document.getElementById("runs");
  const heads = [headOf(-1, "run"), ...columns.map((column, c) => headOf(c, column.title))];
  const fields = [filterOf(-1, "run"), ...columns.map((column, c) => filterOf(c, column.title))];
  table.createTHead().append(
    element("tr", {}, element("th", { class: "pick", scope: "col" }, "curve"), ...heads),
    element("tr", { class: "filters" }, element("th", { class: "pick" }), ...fields),
  );
  const body = table.createTBody();
  const made = new Map(); // most rows of a long table are never asked for
  const line = (i) => made.get(i) ?? made.set(i, lineOf(i)).get(i);
  const more = document.getElementById("all-rows");
  more.addEventListener("click", () => {
    allRows = !allRows;
    changed("table");
  });
  document.getElementById("clear").addEventListener("click", () => {
    state.filters.clear();
    for (const field of table.querySelectorAll(".filters input")) field.value = "";
    clearBrush();
    changed("filters");
  });

  views.push((part) => {
    if (part === "chosen") {
      for (const [i, shownLine] of made) mark(shownLine, i);
      return;
    }
    for (const [c, head] of heads.entries()) {
      const on = state.sort.column === c - 1;
      head.setAttribute("aria-sort", on ? (state.sort.down ? "descending" : "ascending") : "none");
    }
    for (const [c, field] of fields.entries()) {
      const text = state.filters.get(c - 1) ?? "";
      const good = matcher(text, c > 0 && columns[c - 1].number) !== null;
      field.firstChild.setAttribute("aria-invalid", String(!good));
    }
    const order = sorted(seen());
    const drawn = allRows || onPaper() ? order : order.slice(0, FIRST);
    body.replaceChildren(...drawn.map(line));
    for (const i of drawn) mark(line(i), i);
    const hidden = order.length - drawn.length;
    const all = order.length === rows.length ? `${rows.length}` : `${order.length} of ${rows.length}`;
    document.getElementById("count").textContent =
      `${all} run${rows.length === 1 ? "" : "s"}` + (hidden ? `, the first ${FIRST} shown` : "");
    more.hidden = order.length <= FIRST || rows.length <= FIRST + 5;
    more.textContent = hidden ? `Show ${hidden} more rows` : `Show the first ${FIRST} only`;
    document.getElementById("clear").disabled = !state.filters.size && !state.brushed;
  });
}

// Whether the row's curve is drawn.
function mark(line, row) {
  const on = state.chosen.includes(row);
  line.classList.toggle("on", on);
  line.querySelector("input").checked = on;
}

function headOf(column, title) {
  const isNumber = column >= 0 && columns[column].number;
  const sort = () => {
    const same = state.sort.column === column;
    const better = column >= 0 && columns[column].better > 0;
    state.sort = { column, down: same ? !state.sort.down : better };
    changed("sort");
  };
  const button = element("button", { type: "button", onclick: sort }, title);
  const look = { scope: "col", class: isNumber ? "n" : null, "data-title": title };
  return element("th", { ...look, "aria-sort": "none" }, button);
}

function filterOf(column, title) {
  const isNumber = column >= 0 && columns[column].number;
  const typed = (event) => {
    const text = event.target.value.trim();
    if (text) state.filters.set(column, text);
    else state.filters.delete(column);
    changed("filters");
  };
  const field = element("input", {
    type: "search",
    "aria-label": `filter by ${title}`,
    placeholder: isNumber ? example(column) : "text",
    value: state.filters.get(column) ?? null,
    oninput: typed,
  });
  return element("th", { class: isNumber ? "n" : null }, field);
}

// What could be typed: two of few values, or a limit that the better half of the runs keeps.
function example(column) {
  const known = rows.map((row) => row[column]).filter((v) => v !== null).sort((a, b) => a - b);
  if (!known.length) return "";
  const { better } = columns[column];
  if (!better) return [...new Set(known)].slice(0, 2).map(numberText).join("|");
  const middle = Number(known[Math.floor(known.length / 2)].toPrecision(2));
  return `${better > 0 ? ">=" : "<="} ${middle}`;
}

function lineOf(row) {
  const name = names[row];
  const short = name.length > 28 ? `${name.slice(0, 12)}…${name.slice(-13)}` : name;
  const box = element("input", { type: "checkbox", "aria-label": `curve of ${name}` });
  box.disabled = !curves[row];
  box.addEventListener("change", () => choose(row, box.checked));
  const link = element("a", { href: links[row], title: name }, short);
  const cells = columns.map((column, c) =>
    element("td", { class: column.number ? "n" : null }, shown(rows[row][c], column)),
  );
  return element(
    "tr",
    { "data-row": row },
    element("td", { class: "pick" }, box),
    element("td", { class: "run" }, link),
    ...cells,
  );
}

function sorted(indices) {
  const { column, down } = state.sort;
  const value = (i) => (column < 0 ? names[i] : rows[i][column]);
  if (column === null) return indices;
  return [...indices].sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    if (x === null || y === null) return (x === null) - (y === null);
    const order = typeof x === "number" && typeof y === "number" ? x - y : natural(x, y);
    return (down ? -order : order) || a - b;
  });
}

const natural = new Intl.Collator("en", { numeric: true }).compare;
