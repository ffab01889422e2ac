import type { Scheduler } from '@atelier/sdk';
import {
  alignYourSteps,
  alignYourSteps11,
  alignYourSteps32,
  alignYourStepsComfyui,
  alignYourStepsGits,
  ofReforge,
} from './align-your-steps.js';
import { automatic } from './automatic.js';
import { beta, betaComfyui } from './beta.js';
import { cosine } from './cosine.js';
import { ddimUniform } from './ddim-uniform.js';
import { exponential } from './exponential.js';
import { karras, karrasDynamic } from './karras.js';
import { klOptimal, klOptimalComfyui } from './kl-optimal.js';
import { laplace } from './laplace.js';
import { linearQuadratic } from './linear-quadratic.js';
import { normal } from './normal.js';
import { phi } from './phi.js';
import { polyexponential } from './polyexponential.js';
import { sgmUniform } from './sgm-uniform.js';
import { simple } from './simple.js';
import { invcosinusoidalSf, reactCosinusoidalDynsf, sinusoidalSf } from './sinusoidal.js';
import { turbo } from './turbo.js';
import { uniform } from './uniform.js';
import { vp, vpComfyui } from './vp.js';

/** The schedules of the core, in the order in which people see them: A1111's, then those of other programs. */
export const schedulers: readonly Scheduler[] = [
  automatic,
  uniform,
  karras,
  exponential,
  polyexponential,
  sgmUniform,
  klOptimal,
  alignYourSteps,
  simple,
  normal,
  ddimUniform,
  beta,
  turbo,
  alignYourStepsGits,
  alignYourSteps11,
  alignYourSteps32,
  betaComfyui,
  klOptimalComfyui,
  alignYourStepsComfyui,
  linearQuadratic,
  vp,
  vpComfyui,
  sinusoidalSf,
  invcosinusoidalSf,
  reactCosinusoidalDynsf,
  cosine,
  phi,
  laplace,
  karrasDynamic,
  ...ofReforge,
];
