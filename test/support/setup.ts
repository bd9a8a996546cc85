/** What holds for every test file: trees that tests make have the modes that they name, whatever the tester's umask. */
process.umask(0o022);
