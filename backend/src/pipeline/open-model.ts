import type { ModelPlan, ModelSampling } from '@atelier/sdk';
import { samplingOf } from '../diffusion/model-sampling.js';
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
export async function openModel(plan: ModelPlan, { library, hooks, control }: JobContext): Promise<OpenModel> {
  const known = library.names();
  const asked = plan.checkpoint;
  const checkpoint = known.includes(asked) ? asked : ((await hooks.resolveCheckpoint.call({ name: asked, known })) ?? asked);
  const loaded = await library.load({ ...plan, checkpoint }, () => control.yieldPoint());
  const before = opened.get(loaded);
  if (before) return before;

  const { family, traits } = loaded;
  const model: OpenModel = { ...loaded, sampling: samplingOf(traits.noise), colours: new PreviewColours(traits.latent) };
  opened.set(loaded, model);
  await hooks.onModelLoaded.call({ checkpoint, family: family.id, latentChannels: traits.latent.channels, sampling: model.sampling });
  return model;
}
