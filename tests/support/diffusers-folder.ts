import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { tinyCheckpoint } from '@atelier/sdk/testing';
import { readSafetensors, writeSafetensors, type TensorToWrite } from './safetensors-file.js';

const parts: readonly { prefix: string; file: string; stems: readonly (readonly [ours: RegExp, theirs: string])[] }[] = [
  {
    prefix: 'model.diffusion_model.',
    file: 'unet/diffusion_pytorch_model.safetensors',
    stems: [
      [/^input_blocks\.0\.0\./, 'conv_in.'],
      [/^input_blocks\.1\.0\./, 'down_blocks.0.resnets.0.'],
      [/^input_blocks\.2\.0\.op\./, 'down_blocks.0.downsamplers.0.conv.'],
      [/^input_blocks\.3\.0\./, 'down_blocks.1.resnets.0.'],
      [/^input_blocks\.3\.1\./, 'down_blocks.1.attentions.0.'],
      [/^middle_block\.0\./, 'mid_block.resnets.0.'],
      [/^middle_block\.1\./, 'mid_block.attentions.0.'],
      [/^middle_block\.2\./, 'mid_block.resnets.1.'],
      [/^output_blocks\.1\.2\.conv\./, 'up_blocks.0.upsamplers.0.conv.'],
      [/^output_blocks\.0\.0\./, 'up_blocks.0.resnets.0.'],
      [/^output_blocks\.0\.1\./, 'up_blocks.0.attentions.0.'],
      [/^output_blocks\.1\.0\./, 'up_blocks.0.resnets.1.'],
      [/^output_blocks\.1\.1\./, 'up_blocks.0.attentions.1.'],
      [/^output_blocks\.2\.0\./, 'up_blocks.1.resnets.0.'],
      [/^output_blocks\.3\.0\./, 'up_blocks.1.resnets.1.'],
      [/^time_embed\.0\./, 'time_embedding.linear_1.'],
      [/^time_embed\.2\./, 'time_embedding.linear_2.'],
      [/^out\.0\./, 'conv_norm_out.'],
      [/^out\.2\./, 'conv_out.'],
      [/\bin_layers\.0\./, 'norm1.'],
      [/\bin_layers\.2\./, 'conv1.'],
      [/\bemb_layers\.1\./, 'time_emb_proj.'],
      [/\bout_layers\.0\./, 'norm2.'],
      [/\bout_layers\.3\./, 'conv2.'],
      [/\bskip_connection\./, 'conv_shortcut.'],
    ],
  },
  {
    prefix: 'first_stage_model.',
    file: 'vae/diffusion_pytorch_model.safetensors',
    stems: [
      [/\bnorm_out\./, 'conv_norm_out.'],
      [/\bmid\.block_1\./, 'mid_block.resnets.0.'],
      [/\bmid\.block_2\./, 'mid_block.resnets.1.'],
      [/\bmid\.attn_1\.norm\./, 'mid_block.attentions.0.group_norm.'],
      [/\bmid\.attn_1\.proj_out\./, 'mid_block.attentions.0.to_out.0.'],
      [/\bmid\.attn_1\.([qkv])\./, 'mid_block.attentions.0.to_$1.'],
      [/\bdown\.(\d)\.block\./, 'down_blocks.$1.resnets.'],
      [/\bdown\.(\d)\.downsample\./, 'down_blocks.$1.downsamplers.0.'],
      ...[0, 1, 2, 3].flatMap((level) => [
        [new RegExp(`\\bup\\.${level}\\.block\\.`), `up_blocks.${3 - level}.resnets.`] as const,
        [new RegExp(`\\bup\\.${level}\\.upsample\\.`), `up_blocks.${3 - level}.upsamplers.0.`] as const,
      ]),
      [/\bnin_shortcut\./, 'conv_shortcut.'],
    ],
  },
  { prefix: 'cond_stage_model.transformer.', file: 'text_encoder/model.safetensors', stems: [] },
];

/** Writes the tiny checkpoint as the folder that diffusers would make of it. Returns the folder. */
export function diffusersFolder(folder: string): string {
  const tensors = tinyTensors();
  for (const { prefix, file, stems } of parts) {
    const renamed = Object.entries(tensors)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, tensor]) => [stems.reduce((named, [ours, theirs]) => named.replace(ours, theirs), name.slice(prefix.length)), tensor]);
    mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    writeSafetensors(path.join(folder, file), Object.fromEntries(renamed) as Record<string, TensorToWrite>);
  }
  const index = {
    unet: ['diffusers', 'UNet2DConditionModel'],
    vae: ['diffusers', 'AutoencoderKL'],
    text_encoder: ['transformers', 'CLIPTextModel'],
  };
  writeFileSync(
    path.join(folder, 'model_index.json'),
    JSON.stringify({ _class_name: 'StableDiffusionPipeline', safety_checker: [null, null], ...index }),
  );
  return folder;
}

function tinyTensors(): Record<string, TensorToWrite> {
  const home = mkdtempSync(path.join(tmpdir(), 'tiny-'));
  const tensors = readSafetensors(tinyCheckpoint('sd15', { folder: home }));
  rmSync(home, { recursive: true });
  return tensors;
}
