/** Source `docker-archive`: an image in a tar file as `docker save` writes it. */
import { localImageSource } from '../local-image-source.ts';
import { dockerArchiveProvider } from './docker-provider.ts';

/** An image in a tar file of docker: `docker-archive://FILE[:TAG]`. Its root digest is that of its configuration. */
export const source = localImageSource({
  scheme: 'docker-archive',
  form: 'docker-archive://FILE[:TAG]',
  example: 'docker-archive://./image.tar:alpine:3.20',
  summary: 'image in a tar file of docker save; TAG is a name as it was saved, or its tag alone',
  archive: true,
  withoutManifests: true,
  provider: (reference, env) => dockerArchiveProvider(reference, env),
});
