import fs from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { root } from '../build.mjs';

const folder = path.join(root, 'tests/goldens/models/detection/headers');

/** @typedef {{ tensors: Record<string, [type: string, shape: number[]]>, values: Record<string, number[]> }} Header */

/** Headers that are not among the published ones here, and are made from those. */
const derived = { 'sd3-medium': sd3Medium };

/** Names of all checkpoints that can be written. */
export function fullSizeNames() {
  const published = fs.readdirSync(folder).map((file) => path.basename(file, '.json.gz'));
  return [...published, ...Object.keys(derived)].sort();
}

/**
 * Names, types and shapes of a published checkpoint, and the values of tensors that say what it is.
 * @returns {Header}
 */
export function headerOf(name) {
  if (Object.hasOwn(derived, name)) return derived[name]();
  const { tensors, values } = JSON.parse(gunzipSync(fs.readFileSync(path.join(folder, `${name}.json.gz`))).toString());
  return { tensors, values: { ...tables(tensors), ...values } };
}

/** What stands in tables that are no weights. */
function tables(tensors) {
  const positions = Object.entries(tensors).filter(([name]) => name.endsWith('position_ids'));
  return {
    alphas_cumprod: alphasCumprod(),
    ...Object.fromEntries(positions.map(([name, [, shape]]) => [name, Array.from({ length: shape.at(-1) }, (_, index) => index)])),
  };
}

/** How much of the picture is left at each of Stable Diffusion's 1000 timesteps. */
function alphasCumprod() {
  const [first, last] = [Math.sqrt(0.00085), Math.sqrt(0.012)];
  let product = 1;
  return Array.from({ length: 1000 }, (_, timestep) => (product *= 1 - (first + ((last - first) * timestep) / 999) ** 2));
}

/**
 * SD3 medium with both CLIPs: the blocks of SD3.5 large at depth 24 and width 64 · 24, without the norms of queries and keys; and
 * text encoders in the layout of Flux's CLIP-L.
 */
function sd3Medium() {
  const [depth, width] = [24, 1536];
  const [largeDepth, largeWidth] = [38, 2432];
  const tensors = {};
  for (const [name, [type, shape]] of Object.entries(headerOf('sd35-large').tensors)) {
    if (/\.ln_[qk]\./.test(name)) continue;
    const block = Number(/joint_blocks\.(\d+)\./.exec(name)?.[1] ?? largeDepth - 1);
    if (block >= depth - 1 && block < largeDepth - 1) continue; // the last block, which is shorter than the others, moves down
    const scaled = shape.map((side) => (side % largeWidth === 0 ? (side / largeWidth) * width : side));
    tensors[name.replace(`joint_blocks.${largeDepth - 1}.`, `joint_blocks.${depth - 1}.`)] = [type, scaled];
  }
  const clipL = Object.entries(headerOf('flux-dev-fp8-all-in-one').tensors).filter(([name]) => name.startsWith('text_encoders.clip_l.'));
  Object.assign(tensors, Object.fromEntries(clipL));
  const sides = { 768: 1280, 3072: 5120 };
  for (const [name, [type, shape]] of clipL) {
    const layer = /\.layers\.(\d+)\./.exec(name)?.[1];
    if (layer !== undefined && layer !== '0') continue;
    for (let index = 0; index < (layer === undefined ? 1 : 32); index++) {
      const place = name.replace('clip_l', 'clip_g').replace('.layers.0.', `.layers.${index}.`);
      tensors[place] = [type, shape.map((side) => sides[side] ?? side)];
    }
  }
  return { tensors, values: {} };
}
