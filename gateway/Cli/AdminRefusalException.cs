namespace DurableGateway.Cli;

/// <summary>The gateway refused, or could not be reached; the message is for the person at the terminal.</summary>
internal sealed class AdminRefusalException(string message) : Exception(message);
