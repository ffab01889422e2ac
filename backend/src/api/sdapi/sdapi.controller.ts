import { Body, Controller, Get, Header, HttpCode, Inject, Post, Query } from '@nestjs/common';
import { z } from '@atelier/sdk';
import { CatalogueShelf } from '../../jobs/catalogue-shelf.js';
import { EngineProcess } from '../../jobs/engine-process.js';
import { embeddingReply, modelReply, moduleReply, samplerReply, schedulerReply } from './reply.js';
import { PngInfoRequest } from './png-info.js';
import { SdapiService } from './sdapi.service.js';
import { SdapiTxt2ImgBody, type SdapiTxt2ImgRequest } from './txt2img-request.js';

const ProgressQuery = z.object({ skip_current_image: z.stringbool().default(false) });

/** `null` as JSON, where A1111 answers with nothing: clients parse it. Nest itself would send an empty body. */
const NULL = 'null';

/** The flags that this server was started with, as A1111 names them. */
export const CMD_FLAGS = Symbol('cmd-flags');

@Controller('/sdapi/v1')
export class SdapiController {
  constructor(
    private readonly sdapi: SdapiService,
    private readonly catalogue: CatalogueShelf,
    private readonly engine: EngineProcess,
    @Inject(CMD_FLAGS) private readonly flags: object,
  ) {}

  @Post('txt2img')
  @HttpCode(200)
  txt2img(@Body({ schema: SdapiTxt2ImgBody }) request: SdapiTxt2ImgRequest) {
    return this.sdapi.txt2img(request);
  }

  @Post('png-info')
  @HttpCode(200)
  pngInfo(@Body({ schema: PngInfoRequest }) { image }: z.output<typeof PngInfoRequest>) {
    return this.sdapi.pngInfo(image);
  }

  @Get('progress')
  progress(@Query({ schema: ProgressQuery }) { skip_current_image: withoutImage }: z.output<typeof ProgressQuery>) {
    return this.sdapi.progress(!withoutImage);
  }

  @Get('samplers')
  async samplers() {
    return (await this.catalogue.get()).samplers.map(samplerReply);
  }

  @Get('schedulers')
  async schedulers() {
    return (await this.catalogue.get()).schedulers.map(schedulerReply);
  }

  @Get('sd-models')
  async models() {
    return (await this.catalogue.get()).checkpoints.filter(({ problem }) => problem === null).map(modelReply);
  }

  @Get('sd-vae')
  async vaes() {
    return (await this.catalogue.get()).vaes.filter(({ problem }) => problem === null).map(moduleReply);
  }

  /** Forge's list of VAEs and text encoders together. */
  @Get('sd-modules')
  async modules() {
    const { vaes, textEncoders } = await this.catalogue.get();
    return [...vaes, ...textEncoders].filter(({ problem }) => problem === null).map(moduleReply);
  }

  /** As in Forge, those that suit some model; which one is chosen makes no difference. */
  @Get('embeddings')
  async embeddings() {
    const { embeddings } = await this.catalogue.get();
    const usable = embeddings.filter(({ problem }) => problem === null);
    return { loaded: Object.fromEntries(usable.map((entry) => [entry.name, embeddingReply(entry)])), skipped: {} };
  }

  @Get('scripts')
  scripts() {
    return { txt2img: [], img2img: [] };
  }

  @Get('cmd-flags')
  cmdFlags() {
    return this.flags;
  }

  @Get('options')
  options() {
    return this.sdapi.options();
  }

  @Post('options')
  @HttpCode(200)
  @Header('Content-Type', 'application/json')
  async setOptions(@Body({ schema: z.record(z.string(), z.unknown()) }) options: Record<string, unknown>) {
    await this.sdapi.setOptions(options);
    return NULL;
  }

  @Post('interrupt')
  @HttpCode(200)
  async interrupt() {
    await this.sdapi.interrupt();
    return {};
  }

  @Post('skip')
  @HttpCode(200)
  @Header('Content-Type', 'application/json')
  async skip() {
    await this.sdapi.skip();
    return NULL;
  }

  @Post(['refresh-checkpoints', 'refresh-vae', 'refresh-embeddings'])
  @HttpCode(200)
  @Header('Content-Type', 'application/json')
  async refreshModels() {
    await this.engine.ask('refresh-catalogue', {});
    return NULL;
  }
}
