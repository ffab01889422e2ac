import type { ModelPlan, ModelSampling, Prediction } from '@atelier/sdk';
import { scaledLinearLevels, tableSampling } from '../diffusion/sigma-table.js';
import type { LoadedModel } from '../library/loaded-model.js';
import type { JobContext } from './job-context.js';
import { PreviewColours } from './preview-colours.js';

/** A model that is open, with the noise levels it was trained on and the colours of its latents. */
export interface OpenModel extends LoadedModel {
  sampling: ModelSampling;
  colours: PreviewColours;
}

const opened = new WeakMap<LoadedModel, OpenModel>();

/** Opens the planned checkpoint, or hands over the one that is open. Extensions may know it by another name, and are told of a new one. */
export async function openModel({ checkpoint, clipSkip }: ModelPlan, { library, hooks }: JobContext): Promise<OpenModel> {
  const known = library.names();
  const name = known.includes(checkpoint) ? checkpoint : ((await hooks.resolveCheckpoint.call({ name: checkpoint, known })) ?? checkpoint);
  const loaded = await library.load(name, { clipSkip });
  const before = opened.get(loaded);
  if (before) return before;

  const { family } = loaded;
  const model: OpenModel = { ...loaded, sampling: samplingOf(family.prediction), colours: new PreviewColours(family.latent) };
  opened.set(loaded, model);
  const facts = { checkpoint: name, family: family.id, latentChannels: family.latent.channels, sampling: model.sampling };
  await hooks.onModelLoaded.call(facts);
  return model;
}

/** Families so far share Stable Diffusion's thousand levels. */
function samplingOf(prediction: Prediction): ModelSampling {
  return tableSampling(scaledLinearLevels(), prediction);
}
