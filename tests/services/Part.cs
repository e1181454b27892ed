namespace DurableGateway.Services;

/// <summary>A real service and its real clients.</summary>
internal abstract class Part
{
    public abstract string Name { get; }

    /// <summary>What it needs, as commands.</summary>
    public abstract IReadOnlyList<string> Commands { get; }

    /// <summary>Whether it needs what comes from the npm registry.</summary>
    public virtual bool NeedsNpm => false;

    /// <summary>What the gateway must be told about the service, beyond where it is.</summary>
    public virtual IReadOnlyList<string> Settings => [];

    /// <summary>Starts the service.</summary>
    public abstract Task<Server> StartAsync(Tools tools, string directory);

    /// <summary>What is the same with and without a gateway.</summary>
    public abstract Task ExerciseAsync(Exercise exercise, Tools tools);

    /// <summary>What a gateway is good for: called with the service and a gateway in front of it.</summary>
    public virtual Task ComeHomeAsync(Exercise exercise, Server service) => Task.CompletedTask;
}
