namespace DurableGateway.Benchmarks;

/// <summary>
/// Rounds of load in which all contenders have their turn, so that what disturbs the machine disturbs all of them. Every other round goes
/// backwards. Before the first round, each contender is warmed up: .NET compiles hot code again, with profiles, for many seconds, and
/// a process that does more for a request has more to compile.
/// </summary>
internal sealed class Rounds(Options options)
{
    /// <summary>As many clients as the load has, but enough to reach the hot code soon.</summary>
    private const int MinWarmUpClients = 16;

    public async Task<Dictionary<string, List<Sample>>> RunAsync(IReadOnlyList<Contender> contenders, int clients)
    {
        var samples = contenders.ToDictionary(contender => contender.Name, _ => new List<Sample>());
        foreach (var contender in contenders)
            await Load.RunAsync(contender.Call, Math.Max(clients, MinWarmUpClients), options.WarmUp, contender.Process);
        for (var round = 0; round < options.Rounds; round++)
        {
            foreach (var contender in round % 2 == 0 ? contenders : contenders.Reverse())
                samples[contender.Name].Add(await Load.RunAsync(contender.Call, clients, options.Span, contender.Process));
        }

        return samples;
    }
}
