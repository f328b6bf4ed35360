// Where the memory of one device goes, as scaling_utils.planning.footprint counts it.
import { BOX, run, text } from "./controls.js";

const GIB = 2 ** 30;

// Why a layout contradicts the model, in the package's words; nothing where it does not.
function refused(data, model, { tensor, pipeline, zero }) {
  return model.tensor[tensor].refused ?? model.pipeline[pipeline].refused
    ?? (zero === "3" && pipeline > 1 ? data.zeroWithPipeline : null);
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
  const { batch, context, passes, pipeline, zero, recompute } = state;
  const of = model.tensor[state.tensor];
  const layers = model.pipeline[pipeline].layers[stage];
  const [first, last] = [stage === 0, stage === pipeline - 1];
  const tokens = batch * context;
  const rule = data.conventions[state.convention];
  const head = last && !(first && model.tied) ? of.head : 0;
  const parameters = layers * of.layer + (first ? of.embedding : 0) + head + (last ? of.rest : 0);
  const held = states(rule, parameters, state.data, Number(zero));
  const [kept, working] = of.kept[recompute].map((bytes) => tokens * bytes);
  const flight = Math.min(pipeline - stage, passes);
  const stored = flight * layers * kept + (last ? tokens * of.outside : 0);
  const out = (last ? of.logits : [0, 0]).map((bytes) => tokens * bytes);
  const gathered = zero === "3" && state.data > 1 ? (of.layer + of.head) * rule.weights : 0;
  const rows = { forward: [0, stored, out[0]], backward: [0, stored, out[1]] };
  if (passes > 1) {
    rows["later forward"] = [held.gradients, stored, out[0]];
    rows["later backward"] = [held.gradients, stored, out[1]];
  }
  rows["last layer"] = [held.gradients, kept + working, 0];
  rows.step = [held.gradients, 0, 0];
  const found = {};
  for (const [instant, [gradients, activations, logits]] of Object.entries(rows)) {
    found[instant] = {
      weights: held.weights, gathered: instant === "step" ? 0 : gathered, gradients,
      master: held.master, moments: held.moments, activations, logits,
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

function answer(data, state) {
  const model = data.models[state.model];
  const why = refused(data, model, state);
  if (why) return { cells: { verdict: why }, sentence: `Not possible: ${why}`, chart: "" };
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
    devices: String(state.data * state.tensor * state.pipeline),
    peak: text(worst.peak / GIB), instant: worst.instant,
    stage: `${worst.stage + 1} of ${state.pipeline}`,
    label: label(data.conventions[state.convention], state.data, Number(state.zero)),
    low: text(low / GIB), high: text(high / GIB), room: text(room / GIB), verdict,
  };
  for (const [instant, parts] of Object.entries(worst.table)) {
    for (const [part, bytes] of Object.entries(parts)) cells[`${instant}/${part}`] = text(bytes / GIB);
    cells[`${instant}/all`] = text(sum(parts) / GIB);
  }
  const sentence = `${cells.peak} GiB at "${worst.instant}" on stage ${cells.stage}; `
    + `with what is not counted ${cells.low} to ${cells.high} of ${cells.room} GiB. Fits: ${verdict}.`;
  return { cells, sentence, chart: bars(worst.table, room) };
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
      drawn += `<rect class="part${part}" x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${width(bytes).toFixed(2)}" height="${(step * 0.7).toFixed(1)}"/>`;
      x += width(bytes);
    });
  });
  const full = (left + width(room)).toFixed(1);
  return `${drawn}<path class="budget" d="M${full} ${BOX.top}V${BOX.bottom}"/>`
    + `<text x="${full}" y="${BOX.bottom + 15}" text-anchor="end">the card: ${text(room / GIB)} GiB</text>`;
}

run(answer);
