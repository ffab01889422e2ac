import { Body, Controller, Get, Query, Res } from '@nestjs/common';
import { fail, z } from '@atelier/sdk';
import { countTokens, getCatalogue, getStatus, refreshCatalogue, type BodyOf, type ReplyOf } from '@atelier/sdk/contracts';
import type { Response } from 'express';
import { thumbnailOf } from '../images/thumbnail.js';
import { CatalogueShelf } from '../jobs/catalogue-shelf.js';
import { EngineProcess } from '../jobs/engine-process.js';
import { PreviewNotFound } from '../jobs/errors.js';
import { Endpoint } from './endpoint.decorator.js';
import { version } from '../version.js';

const PreviewQuery = z.object({ name: z.string() });

@Controller()
export class CatalogueController {
  constructor(
    private readonly catalogue: CatalogueShelf,
    private readonly engine: EngineProcess,
  ) {}

  @Endpoint(getCatalogue)
  get(): Promise<ReplyOf<typeof getCatalogue>> {
    return this.catalogue.get();
  }

  @Endpoint(refreshCatalogue)
  async refresh(): Promise<ReplyOf<typeof refreshCatalogue>> {
    await this.engine.ask('refresh-catalogue', {});
    return await this.catalogue.get();
  }

  /** The picture that lies beside a checkpoint, made small; of no other file. Not in the table of endpoints, which is about JSON. */
  @Get('/api/checkpoints/preview')
  async preview(@Query({ schema: PreviewQuery }) { name }: z.output<typeof PreviewQuery>, @Res() response: Response): Promise<void> {
    const { checkpoints } = await this.catalogue.get();
    const file = checkpoints.find((entry) => entry.name === name)?.previewFile ?? fail(new PreviewNotFound(name));
    const thumbnail = await thumbnailOf(file);
    response.set('Cache-Control', 'private, max-age=31536000, immutable'); // its address tells when it was changed
    response.type('webp').send(thumbnail);
  }

  @Endpoint(getStatus)
  status(): ReplyOf<typeof getStatus> {
    return { version, engine: this.engine.status };
  }

  @Endpoint(countTokens)
  countTokens(@Body({ schema: countTokens.body }) input: BodyOf<typeof countTokens>): Promise<ReplyOf<typeof countTokens>> {
    return this.engine.ask('count-tokens', input);
  }
}
