// The valley of one budget without noise: its true bottom, and that of a parabola through a grid.
import { chart, plain, run, settled, text } from "./controls.js";

const TRAINING = 6; // FLOPs a parameter and token

const loss = ([E, A, B, alpha, beta], N, D) => E + A * N ** -alpha + B * D ** -beta;

function optimal([, A, B, alpha, beta], C) {
  const G = ((alpha * A) / (beta * B)) ** (1 / (alpha + beta));
  return G * (C / TRAINING) ** (beta / (alpha + beta));
}

// Least squares on sizes that are evenly spaced in log N, so that slope and bend are apart.
function parabola(u, y) {
  const mean = (values) => values.reduce((all, one) => all + one, 0) / values.length;
  const middle = mean(u);
  const x = u.map((one) => one - middle);
  const level = mean(y);
  const square = mean(x.map((one) => one * one));
  const dot = (a, b) => a.reduce((all, one, i) => all + one * b[i], 0);
  const bowl = x.map((one) => one * one - square);
  const rest = y.map((one) => one - level);
  const slope = dot(x, rest) / dot(x, x);
  const bend = dot(bowl, rest) / dot(bowl, bowl);
  return {
    at: (v) => level + slope * (v - middle) + bend * ((v - middle) ** 2 - square),
    bottom: bend > 0 ? middle - slope / (2 * bend) : NaN,
  };
}

// As scaling_utils.planning.wrong_size: compute to reach the best loss with N, over the budget.
function more([E, A, B, alpha, beta], C, N, best) {
  const D = (B / (best - E - A * N ** -alpha)) ** (1 / beta);
  return (TRAINING * N * D) / C;
}

// The line of Python that gives the same factor.
const command = ({ law, flops, width, centre, points }) => (
  `isoflop_bias(laws.get("${law}"), [${plain(flops)}, ${plain(10 * flops)}], width=${plain(width)}, `
  + `centre=${plain(centre)}, points=${points}).size_ratio[0]`);

function answer(data, state) {
  const law = data.laws[state.law];
  const { flops: C, width, centre, points } = state;
  const N = optimal(law, C);
  const along = (n) => loss(law, n, C / (TRAINING * n));
  const best = along(N);
  const sizes = Array.from({ length: points }, (_, i) => (
    N * centre * width ** (i / (points - 1) - 0.5)));
  const u = sizes.map(Math.log);
  const fit = parabola(u, sizes.map(along));
  const inside = fit.bottom > u[0] && fit.bottom < u.at(-1);
  const found = Math.exp(fit.bottom);
  const cells = { N: text(N), best: text(best), parabola: data.noBottom, command: command(state) };
  if (inside) {
    const needed = more(law, C, found, best);
    Object.assign(cells, {
      parabola: text(found), ratio: text(found / N), extra: text(settled(along(found) - best)),
      more: text(settled((needed - 1) * 100)),
    });
  }
  const chart = drawn(N, along, sizes, fit, inside);
  return { cells, chart, says: inside ? data.says : data.saysNot };
}

function drawn(N, along, sizes, fit, inside) {
  const low = Math.min(sizes[0], N) / 1.3;
  const high = Math.max(sizes.at(-1), N) * 1.3;
  const fine = Array.from({ length: 61 }, (_, i) => low * (high / low) ** (i / 60));
  const top = Math.max(...sizes.map(along), along(N) + 0.01);
  const least = Math.min(along(N), ...fine.map((n) => fit.at(Math.log(n))));
  const floor = Math.max(least, along(N) - 0.5 * (top - along(N)));
  const margin = 0.08 * (top - floor);
  const y = [floor - margin, top + margin];
  const lines = [
    { kind: "level main", points: fine.map((n) => [n, along(n)]) },
    { kind: "budget", points: fine.map((n) => [n, fit.at(Math.log(n))]) },
  ];
  const dots = sizes.map((n) => ({ kind: "run", x: n, y: along(n) }));
  if (inside) dots.push({ kind: "other", x: Math.exp(fit.bottom), y: fit.at(fit.bottom) });
  dots.push({ kind: "best", x: N, y: along(N) });
  return chart({
    x: [low, high], y, xlog: true, ylog: false, xname: "Parameters N", yname: "Loss, nats a token",
    lines, dots,
  });
}

run(answer);
