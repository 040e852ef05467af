%% What `wnode bench` measures, on the BEAM: the same keys, sizes and work. Prints one JSON object.
%%   erlc beam.erl && erl +P 1000000 -noshell -s beam local
%%   erl -noshell -name two@127.0.0.1 & erl -noshell -name one@127.0.0.1 -s beam remote two@127.0.0.1
-module(beam).
-export([local/0, remote/1, nop/0, echo/0, sink/2]).

local() ->
    Results = [
        {"spawn_roundtrip_ns", spawn_roundtrip(100000)},
        {"spawn_storm_per_s", spawn_storm(2, 100000)},
        {"idle_process_bytes", idle_process(100000)},
        {"pingpong_ns", pingpong(500000)},
        {"ring_hop_ns", ring_hop(1000, 1000)},
        {"fan_in_msgs_per_s", fan_in(100, 10000)},
        {"fib30_ms", nanoseconds(fun() -> fib(30) end) / 1.0e6}
    ],
    print(Results),
    halt().

%% The other node, which ends with this one.
remote([Other]) ->
    pong = net_adm:ping(Other),
    print([
        {"remote_pingpong_ns", remote_pingpong(Other, 20000)},
        {"remote_msgs_per_s", blast(Other, 100, 300000)},
        {"remote_bytes_per_s", 1048576 * blast(Other, 1048576, 300)},
        {"remote_spawn_ns", remote_spawn(Other, 5000)}
    ]),
    erpc:cast(Other, erlang, halt, []),
    monitor_node(Other, true),
    receive {nodedown, Other} -> halt() end.

print(Results) ->
    Pairs = [io_lib:format("\"~s\":~.1f", [Key, float(Value)]) || {Key, Value} <- Results],
    io:format("{~s}~n", [lists:join(",", Pairs)]).

nanoseconds(Work) ->
    Start = erlang:monotonic_time(nanosecond),
    Work(),
    erlang:monotonic_time(nanosecond) - Start.

repeat(0, _) -> ok;
repeat(N, Work) -> Work(), repeat(N - 1, Work).

nop() -> ok.

spawn_roundtrip(N) ->
    One = fun() ->
        {Pid, Ref} = spawn_monitor(?MODULE, nop, []),
        receive {'DOWN', Ref, process, Pid, _} -> ok end
    end,
    nanoseconds(fun() -> repeat(N, One) end) / N.

spawn_storm(Spawners, Each) ->
    Driver = self(),
    Spawner = fun() ->
        Me = self(),
        repeat(Each, fun() -> spawn(fun() -> Me ! sent end) end),
        repeat(Each, fun() -> receive sent -> ok end end),
        Driver ! ready
    end,
    Took = nanoseconds(fun() ->
        repeat(Spawners, fun() -> spawn(Spawner) end),
        repeat(Spawners, fun() -> receive ready -> ok end end)
    end),
    Spawners * Each * 1.0e9 / Took.

idle_process(N) ->
    Driver = self(),
    erlang:garbage_collect(),
    Before = erlang:memory(total),
    Pids = [spawn(fun() -> Driver ! here, receive stop -> ok end end) || _ <- lists:seq(1, N)],
    repeat(N, fun() -> receive here -> ok end end),
    Taken = erlang:memory(total) - Before,
    [Pid ! stop || Pid <- Pids],
    Taken / N.

echo() -> receive {From, Message} -> From ! Message, echo() end.

pingpong(N) ->
    Echo = spawn(?MODULE, echo, []),
    Message = <<0:128>>,
    Took = nanoseconds(fun() ->
        repeat(N, fun() -> Echo ! {self(), Message}, receive Message -> ok end end)
    end),
    exit(Echo, kill),
    Took / N.

ring_hop(Size, Laps) ->
    First = lists:foldl(fun(_, Next) -> spawn(fun() -> forward(Next) end) end, self(), lists:seq(1, Size)),
    Took = nanoseconds(fun() ->
        repeat(Laps, fun() -> First ! token, receive token -> ok end end)
    end),
    Took / (Size * Laps).

forward(Next) -> receive Message -> Next ! Message, forward(Next) end.

fan_in(Senders, Each) ->
    Driver = self(),
    Took = nanoseconds(fun() ->
        Sink = spawn(fun() ->
            repeat(Senders * Each, fun() -> receive _ -> ok end end),
            Driver ! all
        end),
        repeat(Senders, fun() -> spawn(fun() -> repeat(Each, fun() -> Sink ! one end) end) end),
        receive all -> ok end
    end),
    Senders * Each * 1.0e9 / Took.

fib(N) when N < 2 -> N;
fib(N) -> fib(N - 1) + fib(N - 2).

remote_pingpong(Other, N) ->
    Echo = spawn(Other, ?MODULE, echo, []),
    Message = <<0:128>>,
    Trip = fun() -> Echo ! {self(), Message}, receive Message -> ok end end,
    repeat(N div 20, Trip), % not counted
    Took = nanoseconds(fun() -> repeat(N, Trip) end),
    exit(Echo, kill),
    Took / N.

sink(0, To) -> To ! all;
sink(N, To) -> receive _ -> sink(N - 1, To) end.

%% Messages of a second.
blast(Other, Bytes, N) ->
    Message = binary:copy(<<0>>, Bytes),
    Driver = self(),
    Took = nanoseconds(fun() ->
        Sink = spawn(Other, ?MODULE, sink, [N, Driver]),
        repeat(N, fun() -> Sink ! Message end),
        receive all -> ok end
    end),
    N * 1.0e9 / Took.

remote_spawn(Other, N) ->
    One = fun() ->
        {Pid, Ref} = spawn_monitor(Other, ?MODULE, nop, []),
        receive {'DOWN', Ref, process, Pid, normal} -> ok end
    end,
    One(), % not counted
    nanoseconds(fun() -> repeat(N, One) end) / N.
