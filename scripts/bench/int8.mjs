import sharp from 'sharp';
import { MeasuredServer } from '../measure/server.mjs';
import { differenceOf, structuralSimilarity } from '../measure/similarity.mjs';

export const describe = 'what precision int8 does to pictures of the starter checkpoint, against fp32 from the same seeds';
export const options = {
  prompts: { type: 'string', default: '20' },
  steps: { type: 'string', default: '20' },
};

const prompts = [
  'a lighthouse on the sea at night',
  'a red fox in the snow',
  'a bowl of fruit on a wooden table, oil painting',
  'a city street in the rain, neon signs',
  'portrait of an old fisherman',
  'a green valley with a river, morning fog',
  'a blue sports car on a mountain road',
  'a cat asleep on a sofa',
  'a castle on a cliff, watercolour',
  'a field of sunflowers under a blue sky',
  'an astronaut riding a horse',
  'a cup of coffee, close up',
  'a sailing boat at sunset',
  'a white church in a village in winter',
  'a dense forest with sunbeams',
  'a bunch of tulips in a glass vase',
  'a steam train crossing a bridge',
  'a snowy owl on a branch',
  'a market hall full of people',
  'a desert with dunes and a camel',
];

/** Every prompt once in either precision. */
export async function* run(flags) {
  const chosen = prompts.slice(0, Number(flags.prompts));
  const server = await MeasuredServer.start();
  try {
    await server.ready();
    const [exact, inEight] = [await pictures(server, chosen, 'fp32', flags), await pictures(server, chosen, 'int8', flags)];
    const differences = exact.map((picture, i) => differenceOf(picture, inEight[i]));
    yield {
      title: `int8 against fp32, ${chosen.length} prompts, ${flags.steps} steps, 256 px`,
      rows: [
        {
          measure: 'SSIM (1 is the same picture)',
          values: exact.map((picture, i) => structuralSimilarity(picture, inEight[i])),
        },
        { measure: 'largest difference of a value, of 255', values: differences.map(({ largest }) => largest) },
        { measure: 'mean difference, of 255', values: differences.map(({ mean }) => mean) },
      ],
    };
  } finally {
    await server.stop();
  }
}

/** @returns {Promise<import('../measure/similarity.mjs').Picture[]>} */
async function pictures(server, chosen, precision, { steps }) {
  const made = [];
  for (const [i, prompt] of chosen.entries()) {
    console.error(`${precision}: ${i + 1} of ${chosen.length}`);
    const job = await server.makePicture({ prompt, seed: i + 1, steps: Number(steps), width: 256, height: 256, precision });
    const file = await fetch(new URL(`/api/pictures/${job.pictures[0].id}/file`, server.address));
    const { data, info } = await sharp(Buffer.from(await file.arrayBuffer()))
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    made.push({ width: info.width, height: info.height, data });
  }
  return made;
}
