import type { Component, ModelFamily, Requirement } from '@atelier/sdk';
import { FamilyNotBuilt, FamilyUnknown, NotACheckpoint } from '../checkpoints/errors.js';
import type { ModelFile } from '../checkpoints/model-file.js';
import { isAdapter, otherFileOf } from '../checkpoints/other-files.js';
import { viewOf } from '../checkpoints/weight-view.js';
import { hasLabel, inputChannels, isUnet } from './model-family.js';
import { fluxDev, fluxSchnell } from './flux/family.js';
import { sd15 } from './sd15/family.js';
import { sd2 } from './sd2/family.js';
import { sd3 } from './sd3/family.js';
import { sdxlRefiner } from './sdxl/refiner.js';
import { sdxl } from './sdxl/family.js';

/** The core's families, in the order in which they are tried. */
export const families: readonly ModelFamily[] = [sd15, sdxl, sdxlRefiner, sd2, sd3, fluxDev, fluxSchnell];

/** Kinds of models that are known by their names and cannot be run; told before the families. */
const refused: readonly { label: string; signature: readonly Requirement[] }[] = [
  {
    label: 'Stable Video Diffusion',
    signature: [isUnet, { says: 'has layers over time', holds: ({ some }) => some(/\.time_(stack|mix_blocks)\./) }],
  },
  {
    label: 'Stable Diffusion 2 unCLIP',
    signature: [
      isUnet,
      {
        says: 'reads a picture at its full size',
        holds: (model) => hasLabel(model) && model.has('input_blocks.1.1.norm.weight') && model.has('input_blocks.9.0.op.weight'),
      },
    ],
  },
  {
    label: 'Stable Diffusion 2 depth',
    signature: [isUnet, { says: 'takes depth as a fifth channel', holds: (model) => inputChannels(model) === 5 }],
  },
  {
    label: 'upscaling',
    signature: [isUnet, { says: 'takes a small picture beside the latent', holds: (model) => inputChannels(model) === 7 }],
  },
  {
    label: 'Chroma',
    signature: [{ says: 'makes its modulations in one network', holds: ({ some }) => some(/^distilled_guidance_layer\./) }],
  },
];

/** Tensors beside the networks of a file, at most; more are a network of their own. */
const MOST_MARKERS = 16;

/** A file's diffusion model and the family that runs it. */
export interface Recognised {
  family: ModelFamily;
  model: Component;
}

/**
 * The family that runs this file's diffusion model: the first of which the whole signature holds.
 *
 * @throws NotACheckpoint | FamilyNotBuilt | FamilyUnknown, which names the family that it is most like.
 */
export function recognise(
  { file, tensors, components: { model, vae, textEncoders, markers } }: ModelFile,
  known: readonly ModelFamily[],
): Recognised {
  const other = otherFileOf(tensors);
  if (!model || isAdapter(tensors)) {
    const holdsMore = (vae || textEncoders.size > 0) && markers.size > MOST_MARKERS;
    const isUnderstood = other && (isAdapter(tensors) || !holdsMore);
    throw isUnderstood ? new NotACheckpoint(file, other.what, other.folder) : new FamilyUnknown(file, [...markers.keys()]);
  }
  const view = viewOf(model);
  const lacking = (signature: readonly Requirement[]) => signature.filter(({ holds }) => !holds(view)).map(({ says }) => says);
  const notBuilt = refused.find(({ signature }) => lacking(signature).length === 0);
  if (notBuilt) throw new FamilyNotBuilt(file, notBuilt.label);
  const family = known.find(({ signature }) => lacking(signature).length === 0);
  if (family) return { family, model };
  const [nearest] = known
    .map(({ label, signature }) => ({ label, lacks: lacking(signature), held: signature.length - lacking(signature).length }))
    .filter(({ held }) => held > 0)
    .toSorted((a, b) => b.held - a.held || a.lacks.length - b.lacks.length);
  throw new FamilyUnknown(
    file,
    [...model.tensors.keys()],
    nearest && { label: nearest.label, lacks: nearest.lacks.map((says) => `not so that it ${says}`) },
  );
}
