import path from 'node:path';
import type { Component, ModelFamily, ModelTraits, Recommended, TextEncoderUse } from '@atelier/sdk';
import type { CheckpointEntry } from '@atelier/sdk/contracts';
import { readModelFile, type ModelFile } from '../checkpoints/model-file.js';
import { readTensor } from '../checkpoints/read-tensor.js';
import { recognise } from '../model-families/families.js';
import { stemOf } from './sidecars.js';

/** A checkpoint's file, taken apart, with what there is to know of its diffusion model. */
export interface DiffusionModel {
  file: ModelFile;
  family: ModelFamily;
  model: Component;
  traits: ModelTraits;
}

/** What the catalogue says of a checkpoint that can be used, as far as its own file tells. */
export interface CheckpointFacts extends Pick<
  CheckpointEntry,
  'family' | 'label' | 'prediction' | 'latentChannels' | 'beside' | 'takesGuidance' | 'recommended' | 'parts' | 'description' | 'notes'
> {
  /** Text encoders that it is used with, wherever they come from. */
  reads: Pick<TextEncoderUse, 'kind' | 'isOptional'>[];
}

/** Facts of a file that cannot be used. */
export const noFacts: CheckpointFacts = {
  family: null,
  label: null,
  prediction: null,
  latentChannels: null,
  beside: null,
  takesGuidance: false,
  recommended: {},
  parts: [],
  description: null,
  notes: [],
  reads: [],
};

/**
 * Reads what a checkpoint is and holds, without its weights.
 *
 * @param answersV its configuration says that it was trained to answer v, which shapes do not tell.
 * @throws the file's problem.
 */
export async function readDiffusionModel(
  checkpoint: string,
  families: readonly ModelFamily[],
  { answersV }: { answersV: boolean },
): Promise<DiffusionModel> {
  const file = await readModelFile(checkpoint);
  const { family, model } = recognise(file, families);
  const { markers } = file.components;
  const metadata = answersV ? new Map([...file.metadata, ['scheduler.prediction_type', 'v_prediction']]) : file.metadata;
  const stem = path.basename(stemOf(checkpoint));
  return { file, family, model, traits: await family.traits({ model, markers, metadata, stem, read: readTensor }) };
}

/** What the catalogue says of it. */
export function factsOf({ file, family, traits }: DiffusionModel): CheckpointFacts {
  const { label, noise, latent, beside, takesGuidance, recommended, textEncoders } = traits;
  return {
    family: family.id,
    label,
    prediction: noise.kind === 'discrete' ? noise.prediction : noise.kind === 'continuous-v' ? 'v' : noise.kind,
    latentChannels: latent.channels,
    beside: beside?.kind ?? null,
    takesGuidance,
    recommended: { ...recommended, ...sizeSaid(file.metadata) },
    parts: [...(file.components.vae ? (['vae'] as const) : []), ...file.components.textEncoders.keys()],
    description: file.metadata.get('modelspec.description') || null,
    notes: [...(file.notes ?? [])],
    reads: textEncoders.map(({ kind, isOptional }) => ({ kind, isOptional })),
  };
}

/** The size that a file names as the one it was trained on (modelspec 1.0: "1024x1024"). */
function sizeSaid(metadata: ReadonlyMap<string, string>): Pick<Recommended, 'width' | 'height'> {
  const [, width, height] = /^(\d{2,4})x(\d{2,4})$/.exec(metadata.get('modelspec.resolution') ?? '') ?? [];
  return width && height ? { width: Number(width), height: Number(height) } : {};
}
