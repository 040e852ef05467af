// Hello-as prints the name of its node and its own number there.

import { nodeName, puts, selfPid } from "../../../guest-sdk/assemblyscript/assembly/index";

puts("hello from " + nodeName() + ", process " + selfPid().num.toString());
