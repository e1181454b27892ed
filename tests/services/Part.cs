namespace DurableGateway.Services;

/// <summary>A real service and its real clients.</summary>
internal abstract class Part
{
    public abstract string Name { get; }

    /// <summary>The commands that it needs.</summary>
    public abstract IReadOnlyList<string> Commands { get; }

    /// <summary>Whether it needs npm packages.</summary>
    public virtual bool NeedsNpm => false;

    /// <summary>Whether calls of its clients become steps of a run, if they pass through an egress listener.</summary>
    public virtual bool MakesSteps => true;

    /// <summary>Settings of the gateway for the service, in addition to the address.</summary>
    public virtual IReadOnlyList<string> Settings => [];

    /// <summary>Starts the service.</summary>
    public abstract Task<Server> StartAsync(Tools tools, string directory);

    /// <summary>Checks whose results are the same with and without a gateway.</summary>
    public abstract Task ExerciseAsync(Exercise exercise, Tools tools);

    /// <summary>Checks of the gateway's own features, with a gateway in front of the service.</summary>
    public virtual Task ComeHomeAsync(Exercise exercise, Server service) => Task.CompletedTask;
}
