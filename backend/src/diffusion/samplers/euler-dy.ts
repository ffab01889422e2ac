import { addScaled, defineSampler, derivative, pairs, scale, tensor, type Denoise, type Sampler, type Tensor } from '@atelier/sdk';
import { churnFor, churnOptions } from './churn.js';

/** One step of Euler's method. */
interface Step {
  /** Steps of the run before it. */
  index: number;
  /** The latent at the start, and its slope there. */
  x: Tensor;
  slope: Tensor;
  sigma: number;
  /** The way to the next level, negative. */
  length: number;
  denoise: Denoise;
}

/** Euler that lets every fourth pixel go ahead, as a picture of half the size, in its third and fourth step. */
export const eulerDy = eulerWith('euler-dy', 'Euler Dy', async (step) =>
  ahead(isThirdOrFourth(step) ? await quarterAhead(step.x, step) : step.x, step),
);

/** Euler that takes its first step twice, then seen a quarter larger, and lets every fourth pixel go ahead after the second. */
export const eulerSmeaDy = eulerWith('euler-smea-dy', 'Euler SMEA Dy', async (step) => {
  const x = ahead(step.x, step);
  if (step.index === 0) return largerAhead(x, step);
  return step.index === 1 ? quarterAhead(x, step) : x;
});

/** Euler that turns the latent into its negative in its third and fourth step. */
export const eulerNegative = eulerWith('euler-negative', 'Euler Negative', async (step) =>
  isThirdOrFourth(step) ? ahead(scale(step.x, -1), step, -1) : ahead(step.x, step),
);

/** Both: the negative of the latent of which every fourth pixel went ahead. */
export const eulerDyNegative = eulerWith('euler-dy-negative', 'Euler Dy Negative', async (step) =>
  isThirdOrFourth(step) ? ahead(scale(await quarterAhead(step.x, step), -1), step, -1) : ahead(step.x, step),
);

/** Koishi-Star's samplers as reForge has them. None of them is a method for the flow: what they do besides is to the eye. */
function eulerWith(id: string, label: string, move: (step: Step) => Promise<Tensor>): Sampler {
  return defineSampler({
    id,
    label,
    aliases: [id.replaceAll('-', '_')],
    options: churnOptions,
    order: 0,
    drawsNoise: true,
    suits: ({ prediction }) => prediction !== 'flow', // whose networks need sizes that halves of them are not
    async *steps(input) {
      const { denoise, sigmas, memory } = input;
      const churn = churnFor(input, 'reforge');
      let x = input.x;
      let index = (memory?.index as number | undefined) ?? 0;
      for (const [level, next] of pairs(sigmas)) {
        const { x: start, sigma } = churn(x, level, next);
        const { denoised } = await denoise(start, sigma);
        const step: Step = { index, x: start, slope: derivative(start, denoised, sigma), sigma, length: next - sigma, denoise };
        x = next > 0 ? await move(step) : ahead(start, step);
        index += 1;
        yield { x, denoised, sigma: level, memory: { ...churn.memory, index } };
      }
    },
  });
}

const isThirdOrFourth = ({ index }: Step) => index === 2 || index === 3;

function ahead(x: Tensor, { slope, length }: Step, sign = 1): Tensor {
  return addScaled(x, slope, sign * length);
}

/** A whole step of another picture at the same level. */
async function stepOf(x: Tensor, { denoise, sigma, length }: Step): Promise<Tensor> {
  return addScaled(x, derivative(x, (await denoise(x, sigma)).denoised, sigma), length);
}

/** The latent with the lower right pixel of each 2 × 2 replaced by where they come to as a picture of their own. */
async function quarterAhead(x: Tensor, step: Step): Promise<Tensor> {
  const [height, width] = x.shape.slice(-2);
  const odd = (side: number) => Array.from({ length: Math.floor(side / 2) }, (_, index) => 2 * index + 1);
  const [rows, columns] = [odd(height), odd(width)];
  const moved = await stepOf(picked(x, rows, columns), step);
  const result = scale(x, 1);
  for (const [i, value] of moved.data.entries()) {
    const plane = Math.floor(i / (rows.length * columns.length));
    const row = rows[Math.floor(i / columns.length) % rows.length];
    result.data[(plane * height + row) * width + columns[i % columns.length]] = value;
  }
  return result;
}

/** Where the latent comes to when it is seen a quarter larger, some of its pixels being there twice. */
async function largerAhead(x: Tensor, step: Step): Promise<Tensor> {
  const [height, width] = x.shape.slice(-2);
  const [taller, wider] = [height, width].map((side) => Math.floor(side * LARGER));
  const moved = await stepOf(picked(x, nearest(taller, 1 / LARGER), nearest(wider, 1 / LARGER)), step);
  return picked(moved, nearest(height, taller / height), nearest(width, wider / width));
}

const LARGER = 1.25;

/** For each of `count` places the one whose middle is nearest, where places are `ratio` as far apart. */
function nearest(count: number, ratio: number): number[] {
  return Array.from({ length: count }, (_, index) => Math.floor((index + 0.5) * ratio));
}

/** These rows and columns of a latent. */
function picked({ shape, data }: Tensor, rows: readonly number[], columns: readonly number[]): Tensor {
  const [height, width] = shape.slice(-2);
  const planes = Array.from({ length: data.length / (height * width) }, (_, plane) =>
    rows.flatMap((row) => columns.map((column) => data[(plane * height + row) * width + column])),
  );
  const values = planes.flat();
  return tensor(
    [...shape.slice(0, -2), rows.length, columns.length],
    data instanceof Float32Array ? Float32Array.from(values) : Float64Array.from(values),
  );
}
