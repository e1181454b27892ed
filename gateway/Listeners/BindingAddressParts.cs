using System.Net;

namespace DurableGateway.Listeners;

/// <summary>The parts of a listener's address.</summary>
internal readonly record struct BindingAddressParts(IPAddress? Address, bool IsLocalhost, int Port);
