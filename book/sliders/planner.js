// A plan: the best split of a budget under a law, what it takes, and what being off costs.
import { chart, plain, quantiles, run, settled, text, withRange } from "./controls.js";

const TRAINING = 6; // FLOPs a parameter and token
const logAddExp = (a, b) => Math.max(a, b) + Math.log1p(Math.exp(-Math.abs(a - b)));

// A law is its constants, [E, A, B, alpha, beta, q = 1], as in scaling_utils.planning.families.
function loss([E, A, B, alpha, beta, q = 1], N, D) {
  const size = Math.log(A) - alpha * Math.log(N);
  const data = Math.log(B) - beta * Math.log(D);
  return E + Math.exp(logAddExp(q * size, q * data) / q);
}

function optimal([, A, B, alpha, beta, q = 1], C) {
  const logG = (Math.log(alpha / beta) / q + Math.log(A / B)) / (alpha + beta);
  const a = beta / (alpha + beta);
  const work = Math.log(C / TRAINING);
  return [Math.exp(logG + a * work), Math.exp((1 - a) * work - logG)];
}

// D = (B / (L - E - A / N^alpha))^(1/beta) where q = 1; NaN where N never reaches the loss.
function tokensFor([E, A, B, alpha, beta, q = 1], N, target) {
  const left = (target - E) ** q - (A * N ** -alpha) ** q;
  return (B / left ** (1 / q)) ** (1 / beta);
}

function cheapest([E, A, B, alpha, beta, q = 1], target) {
  const share = alpha / (alpha + beta);
  const rest = target > E ? Math.log(target - E) : NaN;
  const N = Math.exp((Math.log(A) - (rest + Math.log1p(-share) / q)) / alpha);
  return [N, Math.exp((Math.log(B) - (rest + Math.log(share) / q)) / beta)];
}

// What a model k times the best size costs, as scaling_utils.planning.wrong_size.
function wrongSize(law, C, k) {
  const [N, D] = optimal(law, C);
  const best = loss(law, N, D);
  const wrong = k * N;
  const found = loss(law, wrong, C / (TRAINING * wrong));
  const needed = k === 1 ? D : tokensFor(law, wrong, best);
  const [n, d] = cheapest(law, found);
  return {
    N, D, best, wrong, tokens: C / (TRAINING * wrong), loss: found, extra: settled(found - best),
    more: (TRAINING * wrong * needed) / C, worth: (TRAINING * n * d) / C,
  };
}

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length / 2;
  return (sorted[Math.floor(half - 0.5)] + sorted[Math.ceil(half - 0.5)]) / 2;
};

// Device-hours, kWh of the data centre and kg CO2e.
function takes(device, C, mfu, power, pue, grid) {
  const deviceHours = C / (device.peak * mfu * 3600);
  const kwh = ((deviceHours * (device.power * power)) / 1000) * pue;
  return [deviceHours, kwh, (kwh * grid) / 1000];
}

function machine(data, state) {
  const device = data.devices[state.device];
  const { flops: C, mfu, devices, price, priceDate, power, pue, grid } = state;
  const [deviceHours, kwh, kg] = takes(device, C, mfu / 100, power / 100, pue, grid);
  const dated = price > 0 && priceDate;
  const { mfu: m, power: w, pue: u, grid: g } = data.ranges;
  const [least, most] = [0, 1].map((i) => takes(device, C, m[1 - i], w[i], u[i], g[i]));
  const between = (i, per) => `${text(least[i] / per)} to ${text(most[i] / per)}`;
  return {
    hoursRange: between(0, devices), kwhRange: between(1, 1), kgRange: between(2, 1),
    deviceHours: text(deviceHours), hours: text(deviceHours / devices),
    days: text(deviceHours / devices / 24),
    cost: dated ? `${text(deviceHours * price)} at the price of ${priceDate}` : data.noPrice,
    kwh: text(kwh), kg: text(kg), command: command(device, state, dated),
  };
}

// The line that gives the same answers.
function command(device, state, dated) {
  const { law, flops, devices, mfu, price, priceDate, power, pue, grid } = state;
  return `scaling-utils plan --flops ${plain(flops)} --law ${law} --device ${state.device} `
    + `--devices ${devices} --mfu ${plain(mfu / 100)} --power ${plain((device.power * power) / 100)} `
    + `--pue ${plain(pue)} --grid ${plain(grid)}`
    + (dated ? ` --price ${plain(price)} --price-date ${priceDate}` : "");
}

// How many powers of ten a plan lies beyond the runs of its law; 0 is inside.
function beyond(data, seen, plan) {
  return Object.entries(plan).map(([name, x]) => {
    const [low, high] = seen[name];
    if (low === null && high === null) return `${name} ${data.unknown}`;
    const over = high === null ? 0 : Math.log10(x / high);
    const under = low === null ? 0 : Math.log10(low / x);
    return `${name} ${text(Math.max(over, under, 0))}`;
  }).join(", ");
}

function answer(data, state) {
  const laws = data.laws[state.law];
  const { flops: C, factor: k } = state;
  const found = laws.map((law) => wrongSize(law, C, k));
  const of = (name) => withRange(found.map((one) => one[name]));
  const ratio = withRange(found.map((one) => one.D / one.N));
  const took = machine(data, state);
  const cells = {
    N: of("N"), D: of("D"), ratio, best: of("best"), ...took,
    wrong: of("wrong"), tokens: of("tokens"), loss: of("loss"), extra: of("extra"),
    more: of("more"), worth: of("worth"),
  };
  const [N, D] = ["N", "D"].map((name) => quantiles(found.map((one) => one[name]))[1]);
  cells.beyond = beyond(data, data.seen[state.law], { N, D, C });
  return { cells, chart: drawn(laws, C, k, found) };
}

function drawn(laws, C, k, found) {
  const law = laws[0].map((_, i) => median(laws.map((row) => row[i])));
  const [N, D] = optimal(law, C);
  const sizes = Array.from({ length: 61 }, (_, i) => N * 10 ** (-2 + i / 15));
  const lines = [];
  const labels = [];
  for (const decade of [-2, -1, 0, 1, 2]) {
    const best = optimal(law, C * 10 ** decade);
    const level = loss(law, ...best);
    lines.push({ kind: decade ? "level" : "level main",
      points: sizes.map((n) => [n, tokensFor(law, n, level)]) });
    labels.push({ x: best[0], y: best[1], words: text(level) });
  }
  lines.push({ kind: "budget", points: [sizes[0], sizes.at(-1)].map((n) => [n, C / (TRAINING * n)]) });
  const best = found.map((one) => one.N).sort((a, b) => a - b);
  if (best.length > 1) {
    const ends = [0.1, 0.9].map((q) => best[Math.ceil(best.length * q) - 1]);
    lines.push({ kind: "interval", points: ends.map((n) => [n, C / (TRAINING * n)]) });
  }
  const dots = [{ kind: "other", x: k * N, y: C / (TRAINING * k * N) }, { kind: "best", x: N, y: D }];
  return chart({
    x: [N / 100, N * 100], y: [D / 100, D * 100], xlog: true, ylog: true,
    xname: "Parameters N", yname: "Tokens D", lines, dots, labels,
  });
}

run(answer);
