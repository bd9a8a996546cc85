// Read by versions of Node that understand nothing newer than ES2015; the build also puts it into what it bundles.

/** What is to be said when this Node cannot run ctxsrc; undefined when it can. */
module.exports = function nodeTooOld(versions, getBuiltinModule) {
  const numbers = versions.node.split('.').map(Number);
  const isOld = numbers[0] < 20 || (numbers[0] === 20 && numbers[1] < 19);
  // Node 21 and 22.0 to 22.2 lack a function that 20.16 has.
  if (!isOld && getBuiltinModule !== undefined) return undefined;
  return `ctxsrc needs Node ${isOld ? '20.19' : '22.3'} or newer, this is ${versions.node}`;
};
