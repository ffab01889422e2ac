import type { HookName } from '@atelier/sdk';

/** What a tap may do, said by the first word of the hook's name. */
export type HookKind = 'collect' | 'resolve' | 'transform' | 'wrap' | 'on';

export function kindOf(name: HookName): HookKind {
  return /^[a-z]+/.exec(name)![0] as HookKind;
}

/** Every name of `HookTable`. A name missing here, or one too many, does not compile. */
const inTable: Record<HookName, true> = {
  collectSamplers: true,
  collectSchedulers: true,
  collectModelFamilies: true,
  collectSettings: true,
  collectTabs: true,
  resolveExtension: true,
  resolveCheckpoint: true,
  onEngineReady: true,
  onEngineStopping: true,
  onJobStarted: true,
  onJobFinished: true,
  transformRequest: true,
  transformPrompt: true,
  transformModelPlan: true,
  onModelLoaded: true,
  transformConditioning: true,
  transformNoise: true,
  wrapGuidance: true,
  wrapModelCall: true,
  wrapDenoise: true,
  onStep: true,
  transformLatent: true,
  transformImages: true,
  transformParameters: true,
  transformImageFile: true,
  onImageSaved: true,
};

export const hookNames = Object.keys(inTable) as HookName[];
