// Adds up the JSON reports of vitest: node .ci/totals.mjs FAILED_STEPS REPORT… prints a line for each failed test (whose
// own lines may be far above) and the totals, and fails when anything failed, or when a run left no report.
import { existsSync, readFileSync } from 'node:fs';

const [failedSteps, ...reports] = process.argv.slice(2);
let passed = 0;
let failed = 0;
let skipped = 0;
for (const path of reports) {
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  if (text === '') {
    failed += 1; // it ended before it could say anything
    continue;
  }
  const report = JSON.parse(text);
  passed += report.numPassedTests;
  failed += report.numFailedTests;
  skipped += report.numPendingTests + report.numTodoTests;
  for (const file of report.testResults) {
    for (const test of file.assertionResults) {
      if (test.status === 'failed')
        console.log(`FAILED: ${file.name}: ${test.fullName}\n${test.failureMessages?.join('\n')}`);
    }
    if (file.message) console.log(`FAILED: ${file.name}: ${file.message}`);
  }
}
// A step that failed without a failed test (lint, package, a test file that does not load) counts as one.
if (failed === 0) failed = Number(failedSteps);
console.log(`tests: ${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed === 0 && Number(failedSteps) === 0 ? 0 : 1;
