// Where the memory of one device goes, as scaling_utils.planning.footprint counts it.
import { BOX, run, text } from "./controls.js";

const GIB = 2 ** 30;

// Why a layout contradicts the model, in the package's words; nothing where it does not.
function refused(data, model, { tensor, pipeline, zero, data: replicas, contextParallel, expert }) {
  const holding = replicas * contextParallel;
  const groups = () => {
    const fit = [0, 1, 2, 3, 4, 5, 6, 7, 8].map((k) => 2 ** k).filter((k) => k <= holding);
    return `expert ${expert} does not divide data x context = ${holding}, whose devices hold the `
      + `experts; feasible: ${fit.join(", ")}`;
  };
  return model.tensor[tensor].refused ?? model.pipeline[pipeline]
    ?? (expert > 1 && !model.experts ? data.noExperts + expert : null)
    ?? model.experts?.[expert] ?? (holding % expert ? groups() : null)
    ?? (zero === "3" && pipeline > 1 ? data.zeroWithPipeline : null);
}

// The layers of a stage without and with experts: one fewer on the last, then on the first stage.
function layersOn({ layers, dense }, pipeline, stage) {
  const size = Math.ceil(layers / pipeline);
  const lead = size * pipeline - layers === 2 ? 1 : 0;
  const start = (k) => Math.min(k * size - (k ? lead : 0), layers);
  const [from, to] = [start(stage), start(stage + 1)];
  const plain = Math.min(to, dense) - Math.min(from, dense);
  return [plain, to - from - plain];
}

function states(rule, parameters, devices, zero) {
  const share = [1, 2, 3].map((level) => (zero >= level ? 1 / devices : 1));
  return {
    weights: parameters * share[2] * rule.weights,
    gradients: parameters * share[1] * rule.gradients,
    master: parameters * share[0] * rule.master,
    moments: parameters * share[0] * rule.moments,
  };
}

// The bytes of a stage by instant and part.
function ledger(data, model, state, stage) {
  const { batch, context, passes, pipeline, zero, recompute, contextParallel, expert } = state;
  const of = model.tensor[state.tensor];
  const layers = layersOn(model, pipeline, stage);
  const [first, last] = [stage === 0, stage === pipeline - 1];
  const tokens = (batch * context) / contextParallel;
  const replicas = state.data * contextParallel;
  const rule = data.conventions[state.convention];
  const head = last && !(first && model.tied) ? of.head : 0;
  // A kind of layer: parameters for all tokens, those routed, bytes a token by recomputation.
  const total = (column) => of.kinds.reduce((all, kind, i) => all + layers[i] * kind[column], 0);
  const common = total(0) + (first ? of.embedding : 0) + head + (last ? of.rest : 0);
  const held = states(rule, common, replicas, Number(zero));
  const experts = states(rule, total(1) / expert, replicas / expert, Number(zero));
  for (const part of Object.keys(held)) held[part] += experts[part];
  const flight = Math.min(pipeline - stage, passes);
  const stored = tokens * (flight * total(2 + data.recompute.indexOf(recompute)) + (last ? of.outside : 0));
  // Whatever is kept or rebuilt of it, the layer that runs backward is there in full.
  const largest = Math.max(...of.kinds.map((kind, i) => (layers[i] ? tokens * kind[2] : 0)));
  const out = (last ? of.logits : [0, 0]).map((bytes) => tokens * bytes);
  const whole = Math.max(...of.kinds.map(([shared, routed]) => shared + routed / expert)) + of.head;
  const gathered = zero === "3" && replicas > 1 ? whole * rule.weights : 0;
  const buffers = contextParallel > 1 ? batch * context * of.buffer : 0;
  const rows = { forward: [0, stored, out[0]], backward: [0, stored, out[1]] };
  if (passes > 1) {
    rows["later forward"] = [held.gradients, stored, out[0]];
    rows["later backward"] = [held.gradients, stored, out[1]];
  }
  rows["last layer"] = [held.gradients, largest, 0];
  rows.step = [held.gradients, 0, 0];
  const found = {};
  for (const [instant, [gradients, activations, logits]] of Object.entries(rows)) {
    found[instant] = {
      weights: held.weights, gathered: instant === "step" ? 0 : gathered, gradients,
      master: held.master, moments: held.moments, activations, logits, buffers,
    };
  }
  return found;
}

const sum = (parts) => Object.values(parts).reduce((all, one) => all + one, 0);

function highest(table) {
  let best = null;
  for (const [instant, parts] of Object.entries(table)) {
    if (!best || sum(parts) > best.peak) best = { instant, peak: sum(parts) };
  }
  return best;
}

function label(rule, devices, zero) {
  const parts = [[rule.weights, 3], [rule.gradients, 2], [rule.master + rule.moments, 1]];
  return parts.map(([bytes, first]) => (
    devices > 1 && zero >= first && bytes > 0 ? `${bytes}/${devices}` : `${bytes}`)).join("+");
}

// The line that gives the same answers.
const command = (state) => (
  `scaling-utils memory ${state.model} --device ${state.device} --sequence ${state.context} `
  + `--micro-batch ${state.batch} --micro-batches ${state.passes} --zero ${state.zero} `
  + `--recompute ${state.recompute} --data ${state.data} --tensor ${state.tensor} `
  + `--pipeline ${state.pipeline} --context-parallel ${state.contextParallel} `
  + `--expert-parallel ${state.expert} --bytes ${state.convention}`);

function answer(data, state) {
  const model = data.models[state.model];
  const why = refused(data, model, state);
  const line = command(state);
  if (why) return { cells: { verdict: why, command: line }, says: data.saysNot, chart: "" };
  let worst = null;
  for (let stage = 0; stage < state.pipeline; stage++) {
    const table = ledger(data, model, state, stage);
    const { instant, peak } = highest(table);
    if (!worst || peak > worst.peak) worst = { stage, table, instant, peak };
  }
  const [low, , high] = data.reserve.map((bytes) => worst.peak + bytes);
  const room = data.devices[state.device];
  const verdict = high <= room ? "yes" : low <= room ? "perhaps" : "no";
  const cells = {
    devices: String(state.data * state.tensor * state.pipeline * state.contextParallel), command: line,
    peak: text(worst.peak / GIB), instant: worst.instant,
    stage: `${worst.stage + 1} of ${state.pipeline}`,
    label: label(data.conventions[state.convention], state.data * state.contextParallel, Number(state.zero)),
    low: text(low / GIB), high: text(high / GIB), room: text(room / GIB), verdict,
  };
  for (const [instant, parts] of Object.entries(worst.table)) {
    for (const [part, bytes] of Object.entries(parts)) cells[`${instant}/${part}`] = text(bytes / GIB);
    cells[`${instant}/all`] = text(sum(parts) / GIB);
  }
  return { cells, chart: bars(worst.table, room) };
}

// One bar an instant, its parts side by side, and a line where the card is full.
function bars(table, room) {
  const rows = Object.entries(table);
  const most = 1.05 * Math.max(room, ...rows.map(([, parts]) => sum(parts)));
  const left = 92;
  const width = (bytes) => (bytes / most) * (BOX.right - left);
  const step = (BOX.bottom - BOX.top) / rows.length;
  let drawn = "";
  rows.forEach(([instant, parts], row) => {
    const y = BOX.top + row * step + step * 0.15;
    let x = left;
    drawn += `<text x="${left - 6}" y="${(y + step * 0.35 + 4).toFixed(1)}" text-anchor="end">${instant}</text>`;
    Object.values(parts).forEach((bytes, part) => {
      if (bytes) drawn += `<rect class="part${part}" x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${width(bytes).toFixed(2)}" height="${(step * 0.7).toFixed(1)}"/>`;
      x += width(bytes);
    });
  });
  const full = (left + width(room)).toFixed(1);
  return `${drawn}<path class="budget" d="M${full} ${BOX.top}V${BOX.bottom}"/>`
    + `<text x="${full}" y="${BOX.bottom + 15}" text-anchor="end">the card: ${text(room / GIB)} GiB</text>`;
}

run(answer);
