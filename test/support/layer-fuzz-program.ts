/** The fuzzer as a program of its own: scratch directory, number of runs, seed. Exit 1 with the counterexample. */
import { fuzzLayers } from './layer-fuzz.ts';

const [scratch, runs, seed] = process.argv.slice(2) as [string, string, string];
const failure = fuzzLayers(scratch, Number(runs), Number(seed));
if (failure !== undefined) {
  console.log(failure);
  process.exitCode = 1;
}
