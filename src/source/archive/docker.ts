/** Source `docker-archive`: an image in a tar file as `docker save` writes it. */
import { layoutSource } from '../layout-source.ts';
import { DockerArchiveProvider } from './docker-provider.ts';

/** An image in a tar file of docker: `docker-archive://FILE[:TAG]`. Its root digest is that of its configuration. */
export const source = layoutSource({
  scheme: 'docker-archive',
  form: 'docker-archive://FILE[:TAG]',
  example: 'docker-archive://./image.tar:alpine:3.20',
  summary: 'image in a tar file of docker save; TAG is a name as it was saved, or its tag alone',
  archive: true,
  withoutManifests: true,
  provider: (reference, env) => new DockerArchiveProvider(reference, env),
});
