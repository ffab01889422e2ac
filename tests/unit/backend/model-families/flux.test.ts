import type { StoredTensor } from '@atelier/sdk';
import { expect, test } from 'vitest';
import { componentsOf } from '../../../../backend/src/checkpoints/components.js';
import type { ModelFile } from '../../../../backend/src/checkpoints/model-file.js';
import { readTensor } from '../../../../backend/src/checkpoints/read-tensor.js';
import { families, recognise } from '../../../../backend/src/model-families/families.js';

const file = '/models/checkpoints/some.safetensors';
const flux = (channels: number) => ({
  'img_in.weight': [64, 4 * channels],
  'double_blocks.0.img_attn.norm.key_norm.scale': [32],
  'vector_in.in_layer.weight': [64, 8],
});
const guidance = { 'guidance_in.in_layer.weight': [64, 256] };

function fileWith(shapes: Readonly<Record<string, number[]>>, prefix = ''): ModelFile {
  const tensors = new Map(
    Object.entries(shapes).map(([end, shape]): [string, StoredTensor] => {
      const name = prefix + end;
      return [name, { name, file, type: 'F16', shape, offset: 0, length: 0 }];
    }),
  );
  return { file, tensors, metadata: new Map(), components: componentsOf({ file, tensors, metadata: new Map() }) };
}

async function traitsOf(opened: ModelFile) {
  const { family, model } = recognise(opened, families);
  const { label, beside, takesGuidance } = await family.traits({
    model,
    markers: opened.components.markers,
    metadata: opened.metadata,
    stem: 'some',
    read: readTensor,
  });
  return { id: family.id, label, beside, takesGuidance };
}

test('dev and schnell are told by whether they take a guidance, with and without a prefix', async () => {
  for (const prefix of ['', 'model.diffusion_model.']) {
    expect(await traitsOf(fileWith({ ...flux(16), ...guidance }, prefix))).toEqual({
      id: 'flux-dev',
      label: 'Flux dev',
      beside: undefined,
      takesGuidance: true,
    });
    expect(await traitsOf(fileWith(flux(16), prefix))).toMatchObject({ id: 'flux-schnell', takesGuidance: false });
  }
});

test('Fill and the models with a control picture are told by their channels', async () => {
  expect(await traitsOf(fileWith({ ...flux(96), ...guidance }))).toMatchObject({
    label: 'Flux Fill',
    beside: { kind: 'inpainting', channels: 80 },
  });
  expect(await traitsOf(fileWith({ ...flux(32), ...guidance }))).toMatchObject({ beside: { kind: 'control', channels: 16 } });
});

test('other numbers of channels are no Flux that is known', () => {
  expect(() => recognise(fileWith({ ...flux(20), ...guidance }), families)).toThrow(/channels/);
});

test('Chroma is named', () => {
  const chroma = { 'double_blocks.0.img_attn.norm.key_norm.scale': [128], 'distilled_guidance_layer.norms.0.scale': [5120] };
  expect(() => recognise(fileWith(chroma), families)).toThrow('"some.safetensors" is a Chroma model.');
});
