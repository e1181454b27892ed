namespace DurableGateway.Benchmarks;

/// <summary>
/// Rounds of load in which all contenders have their turn, so that what disturbs the machine disturbs all of them. Every other round goes
/// backwards, and the first is for the compiler.
/// </summary>
internal sealed class Rounds(Options options)
{
    public async Task<Dictionary<string, List<Sample>>> RunAsync(IReadOnlyList<Contender> contenders, int clients)
    {
        var samples = contenders.ToDictionary(contender => contender.Name, _ => new List<Sample>());
        for (var round = -1; round < options.Rounds; round++)
        {
            foreach (var contender in round % 2 == 0 ? contenders : contenders.Reverse())
            {
                var sample = await Load.RunAsync(contender.Call, clients, options.Span, contender.Process);
                if (round >= 0) samples[contender.Name].Add(sample);
            }
        }

        return samples;
    }
}
