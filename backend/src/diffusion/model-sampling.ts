import type { ModelSampling, NoiseModel } from '@atelier/sdk';
import { continuousVSampling, edmSampling, flowSampling } from './continuous-sampling.js';
import { scaledLinearLevels, tableSampling, zeroTerminalLevels } from './sigma-table.js';

/** The noise levels of a model, and what it is told of them. */
export function samplingOf(noise: NoiseModel): ModelSampling {
  switch (noise.kind) {
    case 'discrete': {
      const levels = scaledLinearLevels();
      const sampling = tableSampling(noise.zeroTerminalSnr ? zeroTerminalLevels(levels) : levels, noise.prediction);
      return { ...sampling, anchors: noise.anchors };
    }
    case 'continuous-v':
      return continuousVSampling(noise);
    case 'edm':
      return edmSampling(noise);
    case 'flow':
      return flowSampling(noise);
  }
}

/** The level at a share of the training time, counted from pure noise: 0 is the highest, 1 the lowest (of flow, no noise at all). */
export function levelAfter(model: ModelSampling, share: number): number {
  const highest = model.timestepOf(model.sigmaMax);
  const lowest = model.prediction === 'flow' ? 0 : model.timestepOf(model.sigmaMin);
  return model.sigmaOf(highest + share * (lowest - highest));
}
