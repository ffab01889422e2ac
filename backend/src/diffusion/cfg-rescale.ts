import { combine, emptyLike, rows, type Guidance, type Tensor } from '@atelier/sdk';

/**
 * Guidance whose answer keeps the contrast of the conditional one (Lin et al. 2023, "Common diffusion noise schedules", section 3.4), which strong
 * guidance exaggerates. As ComfyUI does it: contrast is measured in what a v-predicting model would answer.
 *
 * @param share how much of the rescaled answer is taken: 0 … 1.
 */
export function rescaled(guidance: Guidance, share: number): Guidance {
  if (share === 0) return guidance;
  return (cond, uncond, guidanceScale, sigma, x) => {
    const variance = sigma ** 2 + 1;
    const asV = (denoised: Tensor) => combine([x, denoised], [1 / (sigma * Math.sqrt(variance)), -Math.sqrt(variance) / sigma]);
    const conditional = asV(cond);
    const guided = guidance(conditional, asV(uncond), guidanceScale, sigma, x);
    const factors = Array.from({ length: x.shape[0] }, (_, picture) => {
      const [wanted, has] = [conditional, guided].map((each) => deviationOf(rows(each, picture, picture + 1)));
      return 1 - share + (share * wanted) / has;
    });
    const v = emptyLike(guided);
    const size = v.data.length / factors.length;
    for (let i = 0; i < v.data.length; i++) v.data[i] = guided.data[i] * factors[Math.floor(i / size)];
    return combine([x, v], [1 / variance, -sigma / Math.sqrt(variance)]);
  };
}

/** Of a sample, as PyTorch's `std`. */
function deviationOf({ data }: Tensor): number {
  let [sum, squares] = [0, 0];
  for (let i = 0; i < data.length; i++) sum += data[i];
  const mean = sum / data.length;
  for (let i = 0; i < data.length; i++) squares += (data[i] - mean) ** 2;
  return Math.sqrt(squares / (data.length - 1));
}
