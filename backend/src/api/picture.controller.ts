import { Body, Controller, Get, Param, Query, Res } from '@nestjs/common';
import { getPicture, listPictures, readParameters, type BodyOf, type QueryOf, type ReplyOf } from '@atelier/sdk/contracts';
import type { Response } from 'express';
import { CatalogueShelf } from '../jobs/catalogue-shelf.js';
import { JobLedger } from '../jobs/job-ledger.js';
import { Endpoint } from './endpoint.decorator.js';
import { PictureFiles } from './picture-files.js';
import { parametersOf } from './read-parameters.js';

@Controller()
export class PictureController {
  constructor(
    private readonly ledger: JobLedger,
    private readonly files: PictureFiles,
    private readonly catalogue: CatalogueShelf,
  ) {}

  @Endpoint(listPictures)
  list(@Query({ schema: listPictures.query }) query: QueryOf<typeof listPictures>): Promise<ReplyOf<typeof listPictures>> {
    return this.ledger.listPictures(query);
  }

  @Endpoint(getPicture)
  async find(@Param('id') id: string): Promise<ReplyOf<typeof getPicture>> {
    const picture = await this.ledger.findPicture(id);
    const { request } = await this.ledger.find(picture.jobId);
    return { picture, request };
  }

  @Endpoint(readParameters)
  async parameters(@Body({ schema: readParameters.body }) input: BodyOf<typeof readParameters>): Promise<ReplyOf<typeof readParameters>> {
    return await parametersOf(input, await this.catalogue.get());
  }

  /** The bytes. Not in the table of endpoints, which is about JSON. */
  @Get('/api/pictures/:id/file')
  async file(@Param('id') id: string, @Res() response: Response): Promise<void> {
    await this.files.send(await this.ledger.findPicture(id), response);
  }
}
