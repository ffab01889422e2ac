import { crc32, deflateSync } from 'node:zlib';
import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { readPicture } from '../../../../../backend/src/images/metadata/read-picture.js';
import { encodePng } from '../../../../../backend/src/images/png.js';

const image = { width: 2, height: 2, data: new Uint8Array(12) };
const infotext = 'a cat\nNegative prompt: 雨\nSteps: 20, Sampler: Euler a, Seed: 3';

function chunk(type: string, body: Buffer): Buffer {
  const framed = Buffer.concat([Buffer.alloc(4), Buffer.from(type, 'latin1'), body, Buffer.alloc(4)]);
  framed.writeUInt32BE(body.length, 0);
  framed.writeUInt32BE(crc32(framed.subarray(4, -4)), framed.length - 4);
  return framed;
}

/** A PNG with that chunk behind its header. */
async function pngWith(...chunks: Buffer[]): Promise<Buffer> {
  const png = await encodePng(image);
  return Buffer.concat([png.subarray(0, 33), ...chunks, png.subarray(33)]);
}

/** An EXIF block with a comment in UTF-16, as piexif writes it for A1111. */
function exifWith(comment: string): Buffer {
  const text = Buffer.from(comment, 'utf16le').swap16();
  const value = Buffer.concat([Buffer.from('UNICODE\0', 'latin1'), text]);
  const tiff = Buffer.alloc(44);
  tiff.write('MM\0*', 0, 'latin1');
  tiff.writeUInt32BE(8, 4);
  const folder = (at: number, tag: number, type: number, count: number, pointer: number) => {
    tiff.writeUInt16BE(1, at);
    tiff.writeUInt16BE(tag, at + 2);
    tiff.writeUInt16BE(type, at + 4);
    tiff.writeUInt32BE(count, at + 6);
    tiff.writeUInt32BE(pointer, at + 10);
  };
  folder(8, 0x8769, 4, 1, 26);
  folder(26, 0x9286, 7, value.length, 44);
  return Buffer.concat([tiff, value]);
}

async function jpegWith(exif: Buffer): Promise<Buffer> {
  const jpeg = await sharp(image.data, { raw: { width: 2, height: 2, channels: 3 } })
    .jpeg()
    .toBuffer();
  const body = Buffer.concat([Buffer.from('Exif\0\0', 'latin1'), exif]);
  const header = Buffer.from([0xff, 0xe1, 0, 0]);
  header.writeUInt16BE(body.length + 2, 2);
  return Buffer.concat([jpeg.subarray(0, 2), header, body, jpeg.subarray(2)]);
}

test('parameters are read from a PNG, the rest of its texts is shown', async () => {
  const read = await readPicture(await encodePng(image, { parameters: infotext, Title: 'mine' }));
  expect(read).toMatchObject({ parameters: infotext, source: 'a1111', items: { Title: 'mine' }, refused: [] });
  expect(read.infotext).toMatchObject({ prompt: 'a cat', negativePrompt: '雨' });
});

test('compressed text is read: zTXt and iTXt', async () => {
  const compressed = await pngWith(
    chunk('zTXt', Buffer.concat([Buffer.from('parameters\0\0'), deflateSync(Buffer.from('a café', 'latin1'))])),
    chunk('iTXt', Buffer.concat([Buffer.from('Title\0\x01\0\0\0', 'latin1'), deflateSync(Buffer.from('雪'))])),
  );
  expect(await readPicture(compressed)).toMatchObject({ parameters: 'a café', items: { Title: '雪' } });
});

test('parameters are read from the EXIF comment of a JPEG', async () => {
  expect(await readPicture(await jpegWith(exifWith(infotext)))).toMatchObject({ parameters: infotext, source: 'a1111' });
});

test.each(['webp', 'avif'] as const)('parameters are read from the EXIF comment of a picture made into %s', async (format) => {
  const file = await sharp(await jpegWith(exifWith(infotext)))
    .keepExif()
    .toFormat(format)
    .toBuffer();
  expect(await readPicture(file)).toMatchObject({ parameters: infotext });
});

test('a picture without texts tells nothing', async () => {
  expect(await readPicture(await encodePng(image))).toEqual({ parameters: '', source: null, infotext: null, items: {}, refused: [] });
});

test('what is no picture is refused', async () => {
  await expect(readPicture(Buffer.from('not a picture'))).rejects.toMatchObject({ code: 'picture-unreadable' });
});

describe('a hostile PNG', () => {
  test('whose text would unfold to a gigabyte is read without it', async () => {
    const bomb = deflateSync(Buffer.alloc(33 << 20));
    const { refused, items } = await readPicture(await pngWith(chunk('zTXt', Buffer.concat([Buffer.from('parameters\0\0'), bomb]))));
    expect(items).toEqual({});
    expect(refused).toHaveLength(1);
  });

  test('with a wrong checksum is read without that chunk', async () => {
    const damaged = chunk('tEXt', Buffer.from('parameters\0a'));
    damaged[damaged.length - 1] ^= 1;
    const { refused, parameters } = await readPicture(await pngWith(damaged, chunk('tEXt', Buffer.from('parameters\0b'))));
    expect(parameters).toBe('b');
    expect(refused).toEqual(['A tEXt chunk was passed over: its checksum is wrong.']);
  });

  test('that is cut short gives what came before', async () => {
    const png = await encodePng(image, { parameters: 'a', more: 'b' });
    const { parameters, refused } = await readPicture(png.subarray(0, 72));
    expect(parameters).toBe('a');
    expect(refused).toEqual(['The file ends inside its tEXt chunk.']);
  });

  test('with EXIF that points at itself comes to an end', async () => {
    const circle = exifWith('a');
    circle.writeUInt32BE(8, 18); // the inner folder is the outer one
    expect(await readPicture(await pngWith(chunk('eXIf', circle)))).toMatchObject({ parameters: '' });
  });

  test('of any bytes is read or refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), fc.constantFrom('tEXt', 'zTXt', 'iTXt', 'eXIf'), async (bytes, type) => {
        expect(await readPicture(await pngWith(chunk(type, Buffer.from(bytes))))).toHaveProperty('refused');
      }),
      { numRuns: 50 },
    );
  });
});

const textOf = async (text: Record<string, string>) => {
  const { source, infotext: read } = await readPicture(await encodePng(image, text));
  return { source, ...read, entries: Object.fromEntries(read?.entries ?? []) };
};

describe('pictures of other programs', () => {
  test('ComfyUI: back along the links from the first sampler', async () => {
    const nodes = {
      3: {
        class_type: 'KSampler',
        inputs: {
          seed: 5,
          steps: 20,
          cfg: 8,
          sampler_name: 'euler',
          scheduler: 'normal',
          denoise: 1,
          model: ['4', 0],
          positive: ['6', 0],
          negative: ['7', 0],
          latent_image: ['5', 0],
        },
      },
      4: { class_type: 'CheckpointLoaderSimple', inputs: { ckpt_name: 'v1-5.safetensors' } },
      5: { class_type: 'EmptyLatentImage', inputs: { width: 512, height: 768, batch_size: 1 } },
      6: { class_type: 'CLIPTextEncode', inputs: { text: 'a cat', clip: ['9', 0] } },
      7: { class_type: 'CLIPTextEncode', inputs: { text: ['8', 0], clip: ['4', 1] } },
      8: { class_type: 'PrimitiveString', inputs: { value: 'rain' } },
      9: { class_type: 'CLIPSetLastLayer', inputs: { stop_at_clip_layer: -2, clip: ['4', 1] } },
    };
    expect(await textOf({ prompt: JSON.stringify(nodes), workflow: '{}' })).toEqual({
      source: 'comfyui',
      prompt: 'a cat',
      negativePrompt: 'rain',
      entries: {
        Steps: '20',
        Sampler: 'euler-comfyui',
        'Schedule type': 'normal',
        'CFG scale': '8',
        Seed: '5',
        'Size-1': '512',
        'Size-2': '768',
        Model: 'v1-5.safetensors',
        'Clip skip': '2',
        RNG: 'CPU',
      },
    });
  });

  test('InvokeAI', async () => {
    const metadata = {
      positive_prompt: 'a cat',
      negative_prompt: 'rain',
      steps: 30,
      scheduler: 'dpmpp_2m_k',
      cfg_scale: 7.5,
      seed: 9,
      width: 1024,
      height: 512,
      model: { name: 'dream' },
      rand_device: 'cpu',
    };
    expect(await textOf({ invokeai_metadata: JSON.stringify(metadata) })).toMatchObject({
      source: 'invokeai',
      prompt: 'a cat',
      negativePrompt: 'rain',
      entries: { Sampler: 'k_dpmpp_2m', 'Schedule type': 'karras', Model: 'dream', 'Size-1': '1024', RNG: 'CPU' },
    });
  });

  test('NovelAI, as A1111 translates it', async () => {
    const comment = { uc: 'rain', steps: 28, sampler: 'k_euler_ancestral', scale: 11, seed: 4, width: 512, height: 512 };
    expect(await textOf({ Software: 'NovelAI', Description: 'a cat', Comment: JSON.stringify(comment) })).toMatchObject({
      source: 'novelai',
      prompt: 'a cat',
      negativePrompt: 'rain',
      entries: { Sampler: 'k_euler_ancestral', 'CFG scale': '11', 'Clip skip': '2', ENSD: '31337' },
    });
  });

  test('SwarmUI', async () => {
    const given = { prompt: 'a cat', negativeprompt: 'rain', steps: 20, cfgscale: 7, seed: 1, sampler: 'euler_ancestral', loras: ['x'] };
    expect(await textOf({ parameters: JSON.stringify({ sui_image_params: given }) })).toMatchObject({
      source: 'swarmui',
      prompt: 'a cat',
      entries: { Steps: '20', Sampler: 'euler_ancestral', RNG: 'CPU' },
    });
  });
});
