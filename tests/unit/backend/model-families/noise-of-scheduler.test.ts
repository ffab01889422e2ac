import { expect, test } from 'vitest';
import { noiseOfScheduler } from '../../../../backend/src/model-families/model-family.js';

const said = (scheduler: Readonly<Record<string, string>>) =>
  noiseOfScheduler({
    model: { file: '/models/checkpoints/some', tensors: new Map() },
    metadata: new Map(Object.entries(scheduler).map(([name, value]) => [`scheduler.${name}`, value])),
  });

test('what a model was trained to answer is what its scheduler says', () => {
  expect(said({ prediction_type: 'epsilon' })).toEqual({ kind: 'discrete', prediction: 'eps', zeroTerminalSnr: false });
  expect(said({ prediction_type: 'v_prediction', rescale_betas_zero_snr: 'true' })).toEqual({
    kind: 'discrete',
    prediction: 'v',
    zeroTerminalSnr: true,
  });
  expect(said({ _class_name: 'EDMDPMSolverMultistepScheduler', prediction_type: 'epsilon' })).toMatchObject({ kind: 'edm' });
});

test('a scheduler that says nothing leaves it to the family', () => {
  expect(said({ _class_name: 'PNDMScheduler' })).toBeUndefined();
});

test('what nobody can sample from is refused by name', () => {
  expect(() => said({ prediction_type: 'sample' })).toThrow('"some" is a "sample"-predicting model.');
});
