namespace DurableGateway.Cli;

/// <summary>The gateway refused the request or is unreachable. The message is printed to the terminal.</summary>
internal sealed class AdminRefusalException(string message) : Exception(message);
