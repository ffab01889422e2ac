import { FamilyNotBuilt, FamilyUnknown, NotACheckpoint } from './errors.js';
import type { Checkpoint } from './safetensors-header.js';

/** What a file is, told from its tensors' names and ranks; never from widths, which fine-tunes and small models change. */
export type Recognised =
  { kind: 'model'; family: string; label: string; isBuilt: boolean } | { kind: 'other'; what: string; folder: string };

type Tensors = Checkpoint['tensors'];

interface Signature {
  recognised: Recognised;
  matches(file: FileView): boolean;
}

/** Questions that signatures ask. Names of the diffusion model are given without the prefix they have in the file. */
interface FileView {
  /** The diffusion model has this tensor. */
  has(name: string): boolean;
  /** The diffusion model's tensor has so many axes; 0 when there is none. */
  rank(name: string): number;
  /** Channels the UNet takes: 4 plain, 9 for inpainting (latent, mask, masked latent), 8 for editing by instruction. */
  inputChannels: number;
  /** Some tensor of the whole file is called so. */
  anyName(pattern: RegExp): boolean;
}

const model = (family: string, label: string): Recognised => ({ kind: 'model', family, label, isBuilt: false });
const built = (family: string, label: string): Recognised => ({ kind: 'model', family, label, isBuilt: true });
const other = (what: string, folder: string): Recognised => ({ kind: 'other', what, folder });

/** More than any published UNet has. */
const inputBlocks = Array.from({ length: 16 }, (_, block) => `input_blocks.${block}`);
/** The original layout: numbered input and output blocks. */
const isUnet = ({ has }: FileView) => has('input_blocks.0.0.weight');
/** Stable Diffusion 1 projects into its transformers by 1×1 convolutions; all later UNets by linear layers. */
const isSd1Unet = (file: FileView) => isUnet(file) && inputBlocks.some((block) => file.rank(`${block}.1.proj_in.weight`) === 4);
/** A second condition beside the text, added to the time: size and crop in SDXL, an image in unCLIP. */
const hasLabel = ({ has }: FileView) => has('label_emb.0.0.weight');
/** Downsamplings in the UNet: three in four-level models, two in SDXL. */
const downsamplings = ({ has }: FileView) => inputBlocks.filter((block) => has(`${block}.0.op.weight`)).length;

/** In order; the first that matches decides. New families are added here. */
// prettier-ignore
const signatures: readonly Signature[] = [
  { recognised: other('a LoRA', 'models/loras'), matches: ({ anyName }) => anyName(/\.lora_(up|down|A|B|mid)\.|\.hada_w1_a$|\.lokr_w[12](_a)?$|\.(oft|boft)_blocks$|lora_controlnet/) },
  { recognised: other('a ControlNet', 'models/controlnet'), matches: ({ anyName }) => anyName(/^control_model\.|^controlnet_(down_blocks|cond_embedding)\./) },
  { recognised: model('sd3', 'Stable Diffusion 3'), matches: ({ has }) => has('joint_blocks.0.context_block.attn.qkv.weight') },
  { recognised: model('chroma', 'Chroma'), matches: ({ anyName }) => anyName(/(^|\.)distilled_guidance_layer\./) },
  { recognised: model('flux-dev', 'Flux dev'), matches: ({ has }) => isFlux(has) && has('guidance_in.in_layer.weight') },
  { recognised: model('flux-schnell', 'Flux schnell'), matches: ({ has }) => isFlux(has) },
  { recognised: model('svd', 'Stable Video Diffusion'), matches: (file) => isUnet(file) && file.anyName(/\.time_(stack|mix_blocks)\./) },
  { recognised: model('zero123', 'Zero123'), matches: (file) => isUnet(file) && file.anyName(/^cc_projection\./) },
  { recognised: model('sd1-inpainting', 'Stable Diffusion 1 inpainting'), matches: (file) => isSd1Unet(file) && file.inputChannels === 9 },
  { recognised: model('sd1-edit', 'InstructPix2Pix'), matches: (file) => isSd1Unet(file) && file.inputChannels === 8 },
  { recognised: built('sd15', 'Stable Diffusion 1'), matches: isSd1Unet },
  { recognised: model('sd2-unclip', 'Stable Diffusion 2 unCLIP'), matches: (file) => isUnet(file) && hasLabel(file) && file.has('input_blocks.1.1.norm.weight') },
  { recognised: model('sdxl-refiner', 'SDXL refiner'), matches: (file) => isUnet(file) && hasLabel(file) && downsamplings(file) > 2 },
  { recognised: model('sdxl', 'SDXL'), matches: (file) => isUnet(file) && hasLabel(file) },
  { recognised: model('sd2', 'Stable Diffusion 2'), matches: isUnet },
  { recognised: other('a single UNet in the layout of diffusers', 'models/diffusion_models'), matches: ({ anyName }) => anyName(/^down_blocks\.0\.resnets\.0\.time_emb_proj\.weight$/) },
  { recognised: other('a VAE', 'models/vae'), matches: ({ anyName }) => anyName(/^(first_stage_model\.|vae\.)?decoder\.(conv_in|mid|mid_block)\./) },
  { recognised: other('a text encoder', 'models/text_encoders'), matches: ({ anyName }) => anyName(/(^|\.)text_model\.encoder\.layers\.|^encoder\.block\.\d+\.layer\./) },
  { recognised: other('an embedding', 'models/embeddings'), matches: ({ anyName }) => anyName(/^(emb_params|clip_[gl]|string_to_param.*)$/) },
];

function isFlux(has: FileView['has']): boolean {
  return has('double_blocks.0.img_attn.norm.key_norm.scale');
}

/** Says what the file is; undefined when nothing in it is familiar. */
export function recognise(tensors: Tensors): Recognised | undefined {
  const prefix = diffusionModelPrefix(tensors);
  const find = (name: string) => tensors.get(prefix + name);
  const names = [...tensors.keys()];
  const view: FileView = {
    has: (name) => find(name) !== undefined,
    rank: (name) => find(name)?.shape.length ?? 0,
    inputChannels: find('input_blocks.0.0.weight')?.shape[1] ?? 0,
    anyName: (pattern) => names.some((name) => pattern.test(name)),
  };
  return signatures.find(({ matches }) => matches(view))?.recognised;
}

/** What stands before the diffusion model's own names: nothing when the file holds that model alone. */
export function diffusionModelPrefix(tensors: Tensors): string {
  for (const name of tensors.keys()) if (name.startsWith('model.diffusion_model.')) return 'model.diffusion_model.';
  return '';
}

/**
 * The id of the family that can run this checkpoint.
 *
 * @throws FamilyNotBuilt | NotACheckpoint | FamilyUnknown
 */
export function detectFamily({ file, tensors }: Checkpoint): string {
  const recognised = recognise(tensors);
  if (!recognised) throw new FamilyUnknown(file, [...tensors.keys()].slice(0, 3));
  if (recognised.kind === 'other') throw new NotACheckpoint(file, recognised.what, recognised.folder);
  if (!recognised.isBuilt) throw new FamilyNotBuilt(file, recognised.label);
  return recognised.family;
}
