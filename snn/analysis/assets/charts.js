// What all charts share: colours by day, by night and on paper, sizes, hovers.

const NIGHT = matchMedia("(prefers-color-scheme: dark)");
const PAPER = matchMedia("print");
const SHEET = { width: 680, height: 330 }; // a chart on paper, in CSS pixels
let printing = false;

// Okabe & Ito (2008); even lightness (cividis) for numbers. The best stands out on either ground.
const THEMES = {
  light: {
    ink: "#1a1a1a", quiet: "#50555a", paper: "#ffffff", grid: "#dcdfe2", plain: "#777777",
    series: ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"],
    scale: ["#d9c755", "#a59c74", "#7c7b78", "#4f576c", "#00224e"],
  },
  dark: {
    ink: "#e8e8e6", quiet: "#a9adb2", paper: "#16181b", grid: "#3a3f45", plain: "#8d9299",
    series: ["#6cb8ee", "#f08a4b", "#2fc79a", "#e3a0c6", "#f0b93a", "#a8d8f5", "#ffffff"],
    scale: ["#3d4f7a", "#5f6a83", "#8a8a86", "#bcb06a", "#fde737"],
  },
};

function theme() {
  return NIGHT.matches && !onPaper() ? THEMES.dark : THEMES.light;
}

function onPaper() {
  return PAPER.matches || printing;
}

// The colour of a number between two others.
function tinted(value, low, high) {
  const stops = theme().scale;
  const share = high > low ? Math.min(1, Math.max(0, (value - low) / (high - low))) : 1;
  const place = share * (stops.length - 1);
  const i = Math.min(stops.length - 2, Math.floor(place));
  const part = (stop, k) => parseInt(stop.slice(1 + 2 * k, 3 + 2 * k), 16);
  const mixed = [0, 1, 2].map((k) =>
    Math.round(part(stops[i], k) + (place - i) * (part(stops[i + 1], k) - part(stops[i], k))),
  );
  return `rgb(${mixed.join(",")})`;
}

// Where a scale of colours should begin, so that collapsed runs do not make all others alike.
function range(values) {
  const known = values.filter((v) => typeof v === "number").sort((a, b) => a - b);
  if (!known.length) return [0, 1];
  const at = (share) => known[Math.floor(share * (known.length - 1))];
  const [middle, high] = [at(0.5), at(0.9)];
  const floor = known.length < 10 || high <= middle ? known[0] : middle - 4 * (high - middle);
  return [Math.max(known[0], floor), known[known.length - 1]];
}

function makeChart(id, draw) {
  const node = document.getElementById(id);
  const chart = echarts.init(node, null, { renderer: "canvas" });
  let width = node.clientWidth;
  const redraw = (part) => {
    if (part === "theme") chart.resize(onPaper() ? SHEET : { width: "auto", height: "auto" });
    draw(chart, part, onPaper() ? SHEET.width : node.clientWidth);
  };
  new ResizeObserver(() => {
    if (onPaper() || node.clientWidth === width) return;
    width = node.clientWidth;
    chart.resize();
    redraw("size");
  }).observe(node);
  views.push(redraw);
  return chart;
}

// By day, by night, and on paper, which has every row.
const repaint = () => changed("theme");
NIGHT.addEventListener("change", repaint);
PAPER.addEventListener("change", repaint);
addEventListener("beforeprint", () => {
  printing = true;
  repaint();
});
addEventListener("afterprint", () => {
  printing = false;
  repaint();
});

function tooltip(formatter, trigger = "item") {
  const { ink, paper, grid } = theme();
  return {
    trigger,
    formatter,
    confine: true,
    backgroundColor: paper,
    borderColor: grid,
    textStyle: { color: ink, fontSize: 12 },
    extraCssText: "max-width:22rem;white-space:normal;overflow-wrap:anywhere",
  };
}

function brief(value) {
  if (typeof value !== "number") return value;
  return numberText(Number(value.toPrecision(4)));
}

function axisOf(column, name) {
  const { ink, quiet, grid } = theme();
  const type = !column.number ? "category" : column.log ? "log" : "value";
  return {
    type,
    name,
    scale: true,
    nameTextStyle: { color: ink },
    axisLine: { show: true, onZero: false, lineStyle: { color: quiet } },
    axisTick: { lineStyle: { color: quiet } },
    axisLabel: { color: quiet, hideOverlap: true, formatter: brief },
    splitLine: { lineStyle: { color: grid } },
  };
}

function listed(select, indices, chosen) {
  for (const c of indices) select.append(element("option", { value: c }, columns[c].title));
  select.value = String(chosen);
}
