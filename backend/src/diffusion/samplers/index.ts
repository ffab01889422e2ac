import type { Sampler } from '@atelier/sdk';
import { ddim, ddimCfgpp } from './ddim.js';
import { ddpm } from './ddpm.js';
import { deis } from './deis.js';
import { dpmAdaptive } from './dpm-adaptive.js';
import { dpmFast } from './dpm-fast.js';
import { dpm2Ancestral } from './dpm2-ancestral.js';
import { dpm2, dpm2Comfyui } from './dpm2.js';
import { dpmpp2mCfgPp, dpmpp2mCfgPpReforge } from './dpmpp-2m-cfg-pp.js';
import { dpmpp2mSde, dpmpp2mSdeHeun } from './dpmpp-2m-sde.js';
import { dpmpp2m } from './dpmpp-2m.js';
import { dpmpp2sAncestralCfgPp } from './dpmpp-2s-ancestral-cfg-pp.js';
import { dpmpp2sAncestral } from './dpmpp-2s-ancestral.js';
import { dpmpp3mSde } from './dpmpp-3m-sde.js';
import { dpmppSde } from './dpmpp-sde.js';
import { erSde } from './er-sde.js';
import { eulerA2 } from './euler-a2.js';
import { eulerAncestral } from './euler-ancestral.js';
import { eulerAncestralCfgPp, eulerCfgPp } from './euler-cfg-pp.js';
import { eulerDy, eulerDyNegative, eulerNegative, eulerSmeaDy } from './euler-dy.js';
import { euler, eulerComfyui } from './euler.js';
import { gradientEstimation, gradientEstimationCfgPp } from './gradient-estimation.js';
import { heun, heunComfyui } from './heun.js';
import { heunpp2 } from './heunpp2.js';
import { ipndm, ipndmComfyui, ipndmV, ipndmVComfyui } from './ipndm.js';
import { lcm, lcmComfyui } from './lcm.js';
import { lms, lmsComfyui } from './lms.js';
import { plms } from './plms.js';
import { resMultistep, resMultistepAncestral, resMultistepAncestralCfgPp, resMultistepCfgPp } from './res-multistep.js';
import { restart } from './restart.js';
import { saSolver, saSolverPece } from './sa-solver.js';
import { seeds2, seeds3 } from './seeds.js';
import { unipc, unipcBh2Comfyui, unipcComfyui } from './unipc.js';

/** The samplers of the core, in the order in which people see them: A1111's, then those of other programs. */
export const samplers: readonly Sampler[] = [
  dpmpp2m,
  dpmppSde,
  dpmpp2mSde,
  dpmpp2mSdeHeun,
  dpmpp2sAncestral,
  dpmpp3mSde,
  eulerAncestral,
  euler,
  lms,
  heun,
  dpm2,
  dpm2Ancestral,
  dpmFast,
  dpmAdaptive,
  restart,
  heunpp2,
  ipndm,
  ipndmV,
  deis,
  ddim,
  ddimCfgpp,
  plms,
  unipc,
  lcm,
  ddpm,
  eulerCfgPp,
  eulerAncestralCfgPp,
  dpmpp2mCfgPp,
  dpmpp2sAncestralCfgPp,
  resMultistep,
  resMultistepCfgPp,
  resMultistepAncestral,
  resMultistepAncestralCfgPp,
  gradientEstimation,
  gradientEstimationCfgPp,
  erSde,
  seeds2,
  seeds3,
  saSolver,
  saSolverPece,
  eulerA2,
  eulerDy,
  eulerSmeaDy,
  eulerNegative,
  eulerDyNegative,
  dpmpp2mCfgPpReforge,
  eulerComfyui,
  heunComfyui,
  dpm2Comfyui,
  lmsComfyui,
  ipndmComfyui,
  ipndmVComfyui,
  unipcComfyui,
  unipcBh2Comfyui,
  lcmComfyui,
];
