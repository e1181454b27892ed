namespace DurableGateway.Benchmarks;

/// <summary>One comparison. It starts of the site what it needs, and reports figures.</summary>
internal interface IScenario
{
    /// <summary>As <c>--scenario</c> names it.</summary>
    string Name { get; }

    string Description { get; }

    Task RunAsync(Site site, Report report);
}
