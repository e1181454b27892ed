using System.Diagnostics;
using System.Globalization;
using DurableGateway.Chaos;
using DurableGateway.Tests.Support;

if (args is ["service", var servicePort, var servicesJournal, var partnerUrl, .. var egressUrls])
{
    return await Service.RunAsync(int.Parse(servicePort, CultureInfo.InvariantCulture), servicesJournal, new Uri(partnerUrl),
        [.. egressUrls.Select(url => new Uri(url))]);
}

if (args is ["downstream", var downstreamPort, var downstreamsJournal])
    return await Downstream.RunAsync(int.Parse(downstreamPort, CultureInfo.InvariantCulture), downstreamsJournal);
if (Options.Parse(args) is not { } options)
{
    Console.Error.WriteLine(Options.Usage);
    return 2;
}

Checker.CheckItself();
if (!options.Embedded && RedisServer.Missing is { } missing)
{
    Console.Error.WriteLine(missing);
    return 2;
}

var nodes = options.Embedded ? 1 : 3;
var lease = TimeSpan.FromSeconds(2);
var directory = Directory.CreateTempSubdirectory("durable-chaos-").FullName;
var (journal, callJournal) = (Path.Combine(directory, "journal"), Path.Combine(directory, "calls"));
var storeName = options.Cluster ? "Redis Cluster 3+3, MinReplicas 1" : options.Embedded ? "embedded store" : "Redis, appendfsync always";
Console.WriteLine($"seed {options.Seed}, {options.Seconds} s, {storeName}, {nodes} gateways, {options.Clients} clients");

await using var cluster = options.Cluster ? await RedisCluster.StartAsync(replicas: 1) : null;
await using var single = options.Cluster || options.Embedded
    ? null
    : await RedisServer.StartAsync("--appendonly", "yes", "--appendfsync", "always");

var ports = Enumerable.Range(0, 12).Select(_ => FreePort.Next()).ToArray();
Uri[] addresses = [.. Enumerable.Range(0, nodes).Select(i => new Uri($"http://127.0.0.1:{ports[i]}"))];
Uri[] controls = [.. Enumerable.Range(0, nodes).Select(i => new Uri($"http://127.0.0.1:{ports[i + 3]}"))];
await using var partner = await Partner.StartAsync(ports[7], addresses);
string[] egress = [.. Enumerable.Range(0, nodes).Select(i => $"http://127.0.0.1:{ports[i + 8]}")];
await using var service = new Node("service", "Chaos.dll",
    ["service", $"{ports[6]}", journal, $"http://127.0.0.1:{ports[7]}", .. egress], new Uri($"http://127.0.0.1:{ports[6]}/up"));
service.Start();
await using var downstream = new Node("downstream", "Chaos.dll", ["downstream", $"{ports[11]}", callJournal],
    new Uri($"http://127.0.0.1:{ports[11]}/up"));
downstream.Start();

// Each gateway has a separate network to the service and to Redis. The servers of a cluster announce their own addresses.
Link[] toService = [.. Enumerable.Range(0, nodes).Select(_ => Link.To(ports[6]))];
Link[] toRedis = single is null ? [] : [.. Enumerable.Range(0, nodes).Select(_ => Link.To(single.Port))];
string[] StoreOf(int gateway) => cluster is null && single is null
    ? [$"--Durable:Store:DataDirectory={Path.Combine(directory, "data")}"]
    : [$"--Durable:Store:ConnectionString={cluster?.ConnectionString ?? $"127.0.0.1:{toRedis[gateway].Port}"},connectTimeout=1000",
        $"--Durable:Store:MinReplicas={(options.Cluster ? 1 : 0)}"];
var gateways = Enumerable.Range(0, nodes).Select(i => new Node($"gateway {i + 1}", "gateway.dll",
[
    "--upstream", $"http://127.0.0.1:{toService[i].Port}",
    $"--Durable:Listeners:Public=http://127.0.0.1:{ports[i]}",
    $"--Durable:Listeners:Control=http://127.0.0.1:{ports[i + 3]}",
    $"--Durable:Listeners:Egress={egress[i]}",
    "--ReverseProxy:Routes:partners:ClusterId=partners",
    "--ReverseProxy:Routes:partners:Match:Path=/partners/{**rest}",
    "--ReverseProxy:Routes:partners:Transforms:0:PathRemovePrefix=/partners",
    "--ReverseProxy:Routes:partners:Metadata:Durable.Step=Remember",
    $"--ReverseProxy:Clusters:partners:Destinations:one:Address=http://127.0.0.1:{ports[11]}",
    $"--Durable:SharedAddress=http://127.0.0.1:{ports[((i + 1) % nodes) + 3]}",
    .. StoreOf(i),
    $"--Durable:Lease={lease:c}",
    "--Durable:ShutdownTimeout=00:00:02",
    "--Durable:Policies:default:PersistAfter=00:00:00.100",
    "--Durable:Policies:default:AttemptTimeout=00:00:05",
    "--Durable:Policies:default:Retry:MaxAttempts=1000",
    "--Durable:Policies:default:Retry:Delay=00:00:00.050",
    "--Durable:Policies:default:Retry:MaxDelay=00:00:00.500",
    "--Durable:Policies:default:Concurrency:Limit=20",
    $"--Logging:LogLevel:Default={(options.Logs is null ? "None" : "Warning")}",
], new Uri($"http://127.0.0.1:{ports[i + 3]}/readyz"), options.Logs)).ToArray();
using var http = new HttpClient();
var watch = Stopwatch.StartNew();
try
{
    foreach (var gateway in gateways) gateway.Start();
    foreach (var node in gateways.Append(service).Append(downstream)) await node.AwaitHealthAsync(http);

    var history = new History();
    using var clients = new Clients(addresses, controls, history);
    using var faults = new Faults(gateways, service, downstream, cluster?.Servers ?? (single is null ? [] : [single]),
        [.. toService, .. toRedis], lease, history, options.Seed);
    using var stop = new CancellationTokenSource();
    var load = clients.RunAsync(options.Clients, stop.Token);
    await faults.RunAsync(TimeSpan.FromSeconds(options.Seconds), CancellationToken.None);
    await stop.CancelAsync();
    await load;
    foreach (var node in gateways.Append(service).Append(downstream)) await node.AwaitHealthAsync(http);
    await clients.CollectAsync(TimeSpan.FromSeconds(90));
    await clients.CollectAsync(TimeSpan.FromSeconds(30));
    await service.KillAsync();
    history.Steps.AddRange(Service.Read(journal));
    history.Sendings.AddRange(Service.ReadSendings(journal));
    await downstream.KillAsync();
    history.Calls.AddRange(Downstream.Read(callJournal));

    var violations = Checker.Check(history);
    Report.Print(history, clients, partner, faults, violations, watch.Elapsed);
    return violations.Count == 0 ? 0 : 1;
}
finally
{
    foreach (var gateway in gateways) await gateway.DisposeAsync();
    if (service.IsUp) await service.KillAsync();
    if (downstream.IsUp) await downstream.KillAsync();
    foreach (var link in toService.Concat(toRedis)) await link.DisposeAsync();
    Directory.Delete(directory, recursive: true);
}
