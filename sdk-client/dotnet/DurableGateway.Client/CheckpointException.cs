using System;

namespace DurableGateway.Client;

/// <summary>An outcome could not be stored or read. The attempt ends, and the gateway starts another.</summary>
public sealed class CheckpointException : Exception
{
    internal CheckpointException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }

    /// <summary>The message for clients.</summary>
    internal string? ClientMessage { get; init; }
}
