import path from 'node:path';
import type { ModelFamily, TextEncoderUse } from '@atelier/sdk';
import type { CheckpointEntry } from '@atelier/sdk/contracts';
import { readModelFile } from '../checkpoints/model-file.js';
import { readTensor } from '../checkpoints/read-tensor.js';
import { recognise } from '../model-families/families.js';

/** What the catalogue says of a checkpoint that can be used, as far as its own file tells. */
export interface CheckpointFacts extends Pick<
  CheckpointEntry,
  'family' | 'label' | 'prediction' | 'latentChannels' | 'beside' | 'takesGuidance' | 'recommended' | 'parts' | 'notes'
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
  notes: [],
  reads: [],
};

/**
 * Reads what a checkpoint is and holds, without its weights.
 *
 * @throws the file's problem.
 */
export async function readFacts(file: string, families: readonly ModelFamily[]): Promise<CheckpointFacts> {
  const read = await readModelFile(file);
  const { family, model } = recognise(read, families);
  const { markers, vae, textEncoders } = read.components;
  const stem = path.parse(file).name;
  const traits = await family.traits({ model, markers, metadata: read.metadata, stem, read: readTensor });
  const { label, noise, latent, beside, takesGuidance, recommended } = traits;
  return {
    family: family.id,
    label,
    prediction: noise.kind === 'discrete' ? noise.prediction : noise.kind === 'continuous-v' ? 'v' : noise.kind,
    latentChannels: latent.channels,
    beside: beside?.kind ?? null,
    takesGuidance,
    recommended,
    parts: [...(vae ? (['vae'] as const) : []), ...textEncoders.keys()],
    notes: [...(read.notes ?? [])],
    reads: traits.textEncoders.map(({ kind, isOptional }) => ({ kind, isOptional })),
  };
}
